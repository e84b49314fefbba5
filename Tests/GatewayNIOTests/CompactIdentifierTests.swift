import Testing

@testable import GatewayNIO

@Suite struct CompactIdentifierTests {
    @Test(
        "digits are kept as what they stand for, anything else as it is",
        arguments: [
            ("00000000000000ff", .digits16(0xFF)),
            ("fedcba9876543210", .digits16(0xFEDC_BA98_7654_3210)),
            ("0af7651916cd43dd8448eb211c80319c", .digits32(0x0AF7_6519_16CD_43DD, 0x8448_EB21_1C80_319C)),
            ("", .text("")), ("ff", .text("ff")), ("00000000000000FF", .text("00000000000000FF")),
            ("00000000000000fg", .text("00000000000000fg")), ("0000000000000:/f", .text("0000000000000:/f")),
            ("Äöüßéèêë", .text("Äöüßéèêë")),
            ("0af7651916cd43dd8448eb211c80319", .text("0af7651916cd43dd8448eb211c80319")),
        ] as [(String, CompactIdentifier)])
    func keeps(text: String, expected: CompactIdentifier) {
        #expect(CompactIdentifier(text) == expected)
        #expect(CompactIdentifier(text).text == text)
    }
}
