import Testing

@testable import GatewayConfig

@Suite("Hexadecimal digits")
struct HexadecimalDigitTests {
    @Test("the digits of both cases have their values, and nothing else has one")
    func everyByte() {
        let values = Dictionary(
            uniqueKeysWithValues: Array(zip("0123456789abcdef".utf8, UInt8(0)...15))
                + Array(zip("ABCDEF".utf8, UInt8(10)...15)))
        for byte in UInt8.min ... .max {
            #expect(UInt8(hexadecimalDigit: byte) == values[byte])
        }
    }
}
