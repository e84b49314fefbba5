import GatewayConfig
import Testing

@Suite struct DecimalDigitsTests {
    @Test(arguments: [("0", 0), ("5", 5), ("007", 7), ("255", 255)] as [(String, UInt8)])
    func digitsAreANumber(text: String, expected: UInt8) {
        #expect(UInt8(decimalDigits: text) == expected)
    }

    @Test(arguments: [
        "", "+5", "-5", "-0", "+", " 5", "5 ", "0x5", "5e1", "1_0", "١", "５", "256", "99999999999999999999",
    ])
    func nothingElseIs(text: String) {
        #expect(UInt8(decimalDigits: text) == nil)
    }
}
