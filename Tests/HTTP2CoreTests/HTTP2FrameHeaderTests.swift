import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

@Suite("Frame header (RFC 9113 §4.1)")
struct HTTP2FrameHeaderTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var length: Int
        var kind: HTTP2FrameHeader.Kind?
        var flags: UInt8 = 0
        var stream: UInt32 = 0
    }

    static let examples: [Example] =
        (0...9).map { (type: UInt8) in
            Example(
                testDescription: "type \(type)", bytes: [0, 0, 1, type, 0, 0, 0, 0, 3], length: 1,
                kind: HTTP2FrameHeader.Kind(rawValue: type), stream: 3)
        } + [
            Example(testDescription: "an unknown type", bytes: [0, 0, 0, 10, 0, 0, 0, 0, 0], length: 0, kind: nil),
            Example(testDescription: "type 255", bytes: [0, 0, 0, 255, 0, 0, 0, 0, 0], length: 0, kind: nil),
            Example(
                testDescription: "the largest length", bytes: [255, 255, 255, 0, 0, 0, 0, 0, 1], length: 16_777_215,
                kind: .data, stream: 1),
            Example(
                testDescription: "each byte of the length", bytes: [1, 2, 3, 1, 0, 0, 0, 0, 1], length: 66_051,
                kind: .headers, stream: 1),
            Example(
                testDescription: "the largest stream", bytes: [0, 0, 4, 8, 0, 127, 255, 255, 255], length: 4,
                kind: .windowUpdate, stream: 0x7FFF_FFFF),
            Example(
                testDescription: "every flag, those without a meaning too", bytes: [0, 0, 0, 4, 255, 0, 0, 0, 0],
                length: 0, kind: .settings, flags: 255),
        ]

    @Test("is read whole, with payload behind it, and not before its last byte", arguments: examples)
    func read(example: Example) {
        for behind in [0, 1, 20] {
            var buffer = ByteBuffer(bytes: example.bytes + [UInt8](repeating: 9, count: behind))
            let header = HTTP2FrameHeader(readingFrom: &buffer)
            #expect(header?.payloadLength == example.length)
            #expect(header?.kind == example.kind)
            #expect(header?.flags.rawValue == example.flags)
            #expect(header?.stream == example.stream)
            #expect(buffer.readableBytes == behind)
        }
        for count in 0..<9 {
            var buffer = ByteBuffer(bytes: example.bytes.prefix(count))
            let header = HTTP2FrameHeader(readingFrom: &buffer)
            #expect(header == nil, "of \(count) bytes")
            #expect(buffer.readableBytes == count)
        }
    }

    @Test("is written as it was read", arguments: examples.filter { $0.kind != nil })
    func write(example: Example) {
        var buffer = ByteBuffer(bytes: example.bytes)
        let header = HTTP2FrameHeader(readingFrom: &buffer)
        var written = ByteBuffer()
        header?.write(to: &written)
        #expect(Array(written.readableBytesView) == example.bytes)
    }

    @Test("the reserved bit of the stream is ignored")
    func reserved() {
        var buffer = ByteBuffer(bytes: [0, 0, 0, 0, 0, 0x80, 0, 0, 5])
        #expect(HTTP2FrameHeader(readingFrom: &buffer)?.stream == 5)
    }

    /// What §6 says of the stream and the length of each type.
    struct Rule: Sendable, CustomTestStringConvertible {
        var kind: HTTP2FrameHeader.Kind?
        var isAck = false
        /// nil: either.
        var onStream: Bool?
        var lengths: @Sendable (Int) -> Bool
        var testDescription: String { "\(kind.map { "\($0)" } ?? "unknown")\(isAck ? ", acknowledging" : "")" }
    }

    static let rules: [Rule] = [
        Rule(kind: .data, onStream: true) { _ in true },
        Rule(kind: .headers, onStream: true) { _ in true },
        Rule(kind: .priority, onStream: true) { $0 == 5 },
        Rule(kind: .rstStream, onStream: true) { $0 == 4 },
        Rule(kind: .settings, onStream: false) { $0 % 6 == 0 },
        Rule(kind: .settings, isAck: true, onStream: false) { $0 == 0 },
        Rule(kind: .ping, onStream: false) { $0 == 8 },
        Rule(kind: .ping, isAck: true, onStream: false) { $0 == 8 },
        Rule(kind: .goAway, onStream: false) { $0 >= 8 },
        Rule(kind: .windowUpdate, onStream: nil) { $0 == 4 },
        Rule(kind: nil, onStream: nil) { _ in true },
    ]

    @Test("frames on the wrong stream are PROTOCOL_ERROR, of the wrong length FRAME_SIZE_ERROR", arguments: rules)
    func check(rule: Rule) {
        for stream: UInt32 in [0, 1, 2] {
            for length in 0...20 {
                var header = HTTP2FrameHeader(
                    .data, flags: rule.isAck ? .ack : [], stream: stream, payloadLength: length)
                header.kind = rule.kind
                let isRightStream = rule.onStream.map { $0 == (stream != 0) } ?? true
                let expected: HTTP2ErrorCode? =
                    isRightStream ? rule.lengths(length) ? nil : .frameSizeError : .protocolError
                #expect(code(of: header) == expected, "\(length) bytes on stream \(stream)")
            }
        }
    }

    @Test("PUSH_PROMISE was not allowed, CONTINUATION has nothing to continue")
    func neverAllowed() {
        for kind in [HTTP2FrameHeader.Kind.pushPromise, .continuation] {
            #expect(code(of: HTTP2FrameHeader(kind, stream: 1, payloadLength: 8)) == .protocolError)
        }
    }

    private func code(of header: HTTP2FrameHeader) -> HTTP2ErrorCode? {
        do throws(HTTP2Failure) {
            try header.check()
            return nil
        } catch {
            return error.code
        }
    }
}
