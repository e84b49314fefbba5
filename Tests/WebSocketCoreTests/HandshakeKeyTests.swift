import Testing
import WebSocketCore

@Suite("Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 §4.2.2)")
struct HandshakeKeyTests {
    @Test("the accept value of §1.3")
    func accept() {
        #expect(HandshakeKey.accept(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test("the key of §4.1")
    func make() {
        #expect(HandshakeKey.make(from: (0x0102_0304_0506_0708, 0x090A_0B0C_0D0E_0F10)) == "AQIDBAUGBwgJCgsMDQ4PEA==")
        #expect(HandshakeKey.make(from: (0, .max)) == "AAAAAAAAAAD//////////w==")
        #expect(HandshakeKey.isValid(HandshakeKey.make(from: (.max, 1))))
    }

    @Test(
        "is the Base64 of 16 bytes",
        arguments: ["dGhlIHNhbXBsZSBub25jZQ==", "x3JJHMbDL1EzLkh9GBhXDw==", "++//++//++//++//++//+w=="])
    func valid(key: String) {
        #expect(HandshakeKey.isValid(key))
    }

    @Test(
        "is refused",
        arguments: [
            "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZTE=",
            "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZ ==", "dGhlIHNhbXBsZSBub25jZ-==", "dGhl=HNhbXBsZSBub25jZQ==",
            " dGhlIHNhbXBsZSBub25jZQ=", "=dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jé==",
        ])
    func invalid(key: String) {
        #expect(!HandshakeKey.isValid(key))
    }
}
