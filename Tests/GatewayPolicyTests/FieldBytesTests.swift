import HTTPTypes
import NIOCore
import Testing

@testable import GatewayPolicy

@Suite("Bytes of field values (RFC 9110 §5.5)")
struct FieldBytesTests {
    private func bytes(_ field: HTTPField?) -> [UInt8]? { field.map { $0.withUnsafeBytesOfValue { Array($0) } } }

    @Test("every byte that a value may have comes through the codec as it was")
    func everyByte() {
        let value: [UInt8] = [UInt8](0x21...0x7E) + [0x20, 0x09] + [UInt8](0x80...0xFF)
        let wide = String(buffer: FieldBytes.widened(ByteBuffer(bytes: value)))
        let field = FieldBytes.field(.cookie, widened: wide)
        #expect(bytes(field) == value)
        #expect(field.map { FieldBytes.narrowed(FieldBytes.widened($0)) } == value)
        let head = ByteBuffer(bytes: [UInt8]("Cookie: ".utf8) + value)
        #expect(FieldBytes.narrowed(String(buffer: FieldBytes.widened(head))) == Array(head.readableBytesView))
    }

    @Test("text that is UTF-8 is still text")
    func utf8() {
        let wide = String(buffer: FieldBytes.widened(ByteBuffer(string: "grüße")))
        #expect(FieldBytes.field(.cookie, widened: wide)?.value == "grüße")
    }

    @Test(
        "white space around a value is no part of it (RFC 9112 §5.1)",
        arguments: [("v ", "v"), ("v\t", "v"), (" \t v w \t", "v w"), (" ", ""), ("\t", ""), ("", "")])
    func optionalWhitespace(value: String, trimmed: String) {
        #expect(FieldBytes.field(.cookie, widened: value)?.value == trimmed)
    }

    @Test("control characters are in no value", arguments: ["a\u{0}b", "a\rb", "a\nb", "a\u{1}b", "\u{B}", "a\u{7F}"])
    func controls(value: String) {
        #expect(FieldBytes.field(.cookie, widened: value) == nil)
    }
}
