import NIOCore
import TestSupport
import Testing
import WebSocketCore

@Suite("Payload of a Close frame (RFC 6455 §5.5.1)")
struct ClosePayloadTests {
    static let examples: [(Bytes, ClosePayload)] = [
        ("", ClosePayload(code: nil)),
        ("03 e8", ClosePayload(code: .normalClosure)),
        ("03 e9 62 79 65", ClosePayload(code: .goingAway, reason: "bye")),
        ("0f a0 c3 a9", ClosePayload(code: CloseCode(rawValue: 4000), reason: "é")),
        (
            Bytes([0x03, 0xE8] + Array(repeating: 0x2A, count: 123)),
            ClosePayload(code: .normalClosure, reason: String(repeating: "*", count: 123))
        ),
    ]

    @Test("is read and written", arguments: examples)
    func roundTrip(bytes: Bytes, payload: ClosePayload) throws {
        #expect(try bytes.values.withUnsafeBytes { try ClosePayload.parse($0) } == payload)
        var buffer = ByteBuffer()
        payload.encode(into: &buffer)
        #expect(Bytes(buffer.readableBytesView) == bytes)
    }

    static let violations: [(Bytes, CloseCode)] = [
        ("03", .protocolError),
        ("00 00", .protocolError), ("03 e7", .protocolError), ("03 ec", .protocolError), ("03 ed", .protocolError),
        ("03 ee", .protocolError), ("03 f7", .protocolError), ("07 d0", .protocolError), ("13 88", .protocolError),
        ("ff ff", .protocolError), ("03 ed 80", .protocolError),
        ("03 e8 80", .invalidPayload), ("03 e8 61 c3", .invalidPayload), ("03 e8 ed a0 80", .invalidPayload),
        ("03 e8 ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80", .invalidPayload),
        (Bytes([0x03, 0xE8] + Array(repeating: 0x2A, count: 124)), .protocolError),
    ]

    @Test("fails the WebSocket connection", arguments: violations)
    func refuse(bytes: Bytes, code: CloseCode) throws {
        let error = try #require(throws: ProtocolViolation.self) {
            try bytes.values.withUnsafeBytes { try ClosePayload.parse($0) }
        }
        #expect(error.closeCode == code)
        #expect(error.reason.utf8.count <= ClosePayload.maximumReasonLength)
    }

    @Test(
        "is cut between two characters",
        arguments: [
            (String(repeating: "a", count: 124), 123), (String(repeating: "é", count: 62), 122),
            (String(repeating: "語", count: 42), 123), ("a" + String(repeating: "🙂", count: 31), 121),
            (String(repeating: "a", count: 123), 123),
        ])
    func cut(reason: String, length: Int) throws {
        var buffer = ByteBuffer()
        ClosePayload(code: .goingAway, reason: reason).encode(into: &buffer)
        #expect(buffer.readableBytes == length + 2)
        let payload = try buffer.withUnsafeReadableBytes { try ClosePayload.parse($0) }
        #expect(reason.hasPrefix(payload.reason))
    }

    @Test("is empty rather than with a code that must not be sent", arguments: [1005, 1006, 1015, 1004, 0] as [UInt16])
    func unsendable(code: UInt16) {
        var buffer = ByteBuffer()
        ClosePayload(code: CloseCode(rawValue: code), reason: "x").encode(into: &buffer)
        #expect(buffer.readableBytes == 0)
    }
}
