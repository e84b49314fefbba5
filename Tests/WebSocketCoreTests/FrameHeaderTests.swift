import NIOCore
import TestSupport
import Testing
import WebSocketCore

@Suite("Frame header (RFC 6455 §5.2)")
struct FrameHeaderTests {
    static let key = MaskKey(raw: UInt32(bigEndian: 0x37FA_213D))

    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: Bytes
        var header: FrameHeader
    }

    static let examples: [Example] = [
        // §5.7
        Example(
            testDescription: "a single-frame unmasked text message", bytes: "81 05",
            header: FrameHeader(fin: true, opcode: .text, payloadLength: 5)),
        Example(
            testDescription: "a single-frame masked text message", bytes: "81 85 37 fa 21 3d",
            header: FrameHeader(fin: true, opcode: .text, maskKey: key, payloadLength: 5)),
        Example(
            testDescription: "the first fragment of an unmasked text message", bytes: "01 03",
            header: FrameHeader(fin: false, opcode: .text, payloadLength: 3)),
        Example(
            testDescription: "the last fragment of an unmasked text message", bytes: "80 02",
            header: FrameHeader(fin: true, opcode: .continuation, payloadLength: 2)),
        Example(
            testDescription: "an unmasked Ping request", bytes: "89 05",
            header: FrameHeader(fin: true, opcode: .ping, payloadLength: 5)),
        Example(
            testDescription: "a masked Pong response", bytes: "8a 85 37 fa 21 3d",
            header: FrameHeader(fin: true, opcode: .pong, maskKey: key, payloadLength: 5)),
        Example(
            testDescription: "256 bytes of binary", bytes: "82 7e 01 00",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: 256)),
        Example(
            testDescription: "64 KiB of binary", bytes: "82 7f 00 00 00 00 00 01 00 00",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: 65536)),
        // Every boundary of the length
        Example(
            testDescription: "no payload", bytes: "82 00",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: 0)
        ),
        Example(
            testDescription: "125 bytes", bytes: "82 7d",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: 125)),
        Example(
            testDescription: "126 bytes", bytes: "82 7e 00 7e",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: 126)),
        Example(
            testDescription: "126 bytes, masked", bytes: "82 fe 00 7e 37 fa 21 3d",
            header: FrameHeader(fin: true, opcode: .binary, maskKey: key, payloadLength: 126)),
        Example(
            testDescription: "65535 bytes", bytes: "82 7e ff ff",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: 65535)),
        Example(
            testDescription: "65536 bytes, masked", bytes: "82 ff 00 00 00 00 00 01 00 00 37 fa 21 3d",
            header: FrameHeader(fin: true, opcode: .binary, maskKey: key, payloadLength: 65536)),
        Example(
            testDescription: "2^63 - 1 bytes", bytes: "82 7f 7f ff ff ff ff ff ff ff",
            header: FrameHeader(fin: true, opcode: .binary, payloadLength: Int.max)),
        // Reserved bits are not judged here
        Example(
            testDescription: "RSV1", bytes: "c1 01",
            header: FrameHeader(fin: true, rsv1: true, opcode: .text, payloadLength: 1)),
        Example(
            testDescription: "RSV2", bytes: "a1 01",
            header: FrameHeader(fin: true, rsv2: true, opcode: .text, payloadLength: 1)),
        Example(
            testDescription: "RSV3", bytes: "91 01",
            header: FrameHeader(fin: true, rsv3: true, opcode: .text, payloadLength: 1)),
        Example(
            testDescription: "Close of 125 bytes", bytes: "88 7d",
            header: FrameHeader(fin: true, opcode: .close, payloadLength: 125)),
    ]

    @Test("is read whole, with payload behind it, and not before its last byte", arguments: examples)
    func parse(example: Example) throws {
        let bytes = example.bytes.values
        #expect(try Self.parse(bytes) == example.header)
        #expect(try Self.parse(bytes + [0xFF, 0xFF, 0xFF]) == example.header)
        #expect(example.header.encodedLength == bytes.count)
        for length in 0..<bytes.count {
            #expect(try Self.parse(Array(bytes.prefix(length))) == nil, "of the first \(length) bytes")
        }
    }

    @Test("is read at any alignment", arguments: examples)
    func unaligned(example: Example) throws {
        for shift in 1..<8 {
            let bytes = [UInt8](repeating: 0, count: shift) + example.bytes.values
            let header = try bytes.withUnsafeBytes {
                try FrameHeader.parse(UnsafeRawBufferPointer(rebasing: $0[shift...]))
            }
            #expect(header == example.header)
        }
    }

    @Test("is written as it was read", arguments: examples)
    func encode(example: Example) {
        var buffer = ByteBuffer()
        example.header.encode(into: &buffer)
        #expect(Bytes(buffer.readableBytesView) == example.bytes)
        #expect(buffer.readableBytes <= FrameHeader.maximumEncodedLength)
    }

    /// The two ways to read a header say the same, for each first two bytes and each end of the bytes near the payload's.
    @Test("of a whole message of one frame is what it is read as otherwise", arguments: [false, true])
    func wholeMessage(isMasked: Bool) {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let bytes = [first, second] + [0, 200, 0x37, 0xFA, 0x21, 0x3D] + [UInt8](repeating: 7, count: 204)
                let parsed = (try? Self.parse(bytes)) ?? nil
                let end = parsed.map { $0.encodedLength &+ $0.payloadLength } ?? 2
                for count in Set([0, 1, 2, 3, 5, end - 1, end, bytes.count]) where (0...bytes.count).contains(count) {
                    let isWhole =
                        parsed.map { header in
                            header.fin && !header.rsv1 && !header.rsv2 && !header.rsv3
                                && (header.opcode == .text || header.opcode == .binary)
                                && (header.maskKey != nil) == isMasked && end <= count
                        } ?? false
                    let found = bytes.withUnsafeBytes {
                        FrameHeader.wholeMessage(UnsafeRawBufferPointer(rebasing: $0[..<count]), isMasked: isMasked)
                    }
                    guard found != (isWhole ? parsed : nil) else { continue }
                    Issue.record("\(first) \(second), \(count) bytes: \(String(describing: found))")
                }
            }
        }
    }

    @Test(
        "of a whole message of one frame has its length in the shortest form, below 64 KiB",
        arguments: ["82 7e 00 7d", "82 7f 00 00 00 00 00 00 00 01", "82 7f 00 00 00 00 00 01 00 00"] as [Bytes])
    func otherLengths(start: Bytes) {
        let bytes = start.values + [UInt8](repeating: 0, count: 70_000)
        #expect(bytes.withUnsafeBytes { FrameHeader.wholeMessage($0, isMasked: false) } == nil)
    }

    struct Violation: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Just as many bytes as tell.
        var bytes: Bytes
        var says: String
    }

    static let violations: [Violation] =
        [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF].map { opcode in
            Violation(
                testDescription: "reserved opcode \(opcode)", bytes: Bytes([0x80 | opcode]),
                says: "opcode 0x\(String(opcode, radix: 16, uppercase: true)) is reserved")
        } + [
            Violation(testDescription: "fragmented Close", bytes: "08", says: "close frame has FIN clear"),
            Violation(testDescription: "fragmented Ping", bytes: "09", says: "ping frame has FIN clear"),
            Violation(testDescription: "fragmented Pong", bytes: "0a", says: "pong frame has FIN clear"),
            Violation(testDescription: "Close over 125 bytes", bytes: "88 7e", says: "limit 125"),
            Violation(testDescription: "masked Ping over 125 bytes", bytes: "89 fe", says: "limit 125"),
            Violation(testDescription: "Pong with a 64-bit length", bytes: "8a 7f", says: "limit 125"),
            Violation(testDescription: "0 in 16 bits", bytes: "82 7e 00 00", says: "length 0 came in 16 bits"),
            Violation(testDescription: "125 in 16 bits", bytes: "82 7e 00 7d", says: "length 125 came in 16 bits"),
            Violation(
                testDescription: "65535 in 64 bits", bytes: "82 7f 00 00 00 00 00 00 ff ff",
                says: "length 65535 came in 64 bits"),
            Violation(testDescription: "2^63", bytes: "82 7f 80", says: "top bit"),
            Violation(testDescription: "2^64 - 1", bytes: "82 7f ff ff ff ff ff ff ff ff", says: "top bit"),
        ]

    @Test("is refused with 1002 as soon as it is known to be wrong", arguments: violations)
    func refuse(violation: Violation) throws {
        let error = try #require(throws: ProtocolViolation.self) { try Self.parse(violation.bytes.values) }
        #expect(error.closeCode == .protocolError)
        #expect(error.reason.contains(violation.says), "\(error)")
        #expect(error.reason.utf8.count <= ClosePayload.maximumReasonLength)
    }

    private static func parse(_ bytes: [UInt8]) throws -> FrameHeader? {
        try bytes.withUnsafeBytes { try FrameHeader.parse($0) }
    }
}

@Suite("Opcode (RFC 6455 §5.2)")
struct OpcodeTests {
    @Test("is a control frame when its most significant bit is 1", arguments: UInt8(0)...15)
    func control(value: UInt8) {
        guard let opcode = Opcode(rawValue: value) else {
            #expect((0x3...0x7).contains(value) || (0xB...0xF).contains(value))
            return
        }
        #expect(opcode.isControl == [0x8, 0x9, 0xA].contains(value))
    }
}
