import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import HTTP2Core

@Suite("Frame reader (RFC 9113 §3.4, §4, §6)")
struct HTTP2FrameReaderTests {
    /// What was found; the pieces of a DATA frame as one.
    enum Found: Equatable {
        case data(UInt32, [UInt8], flow: Int, padding: Int, ends: Bool)
        case headers(UInt32, [UInt8], ends: Bool)
        case priority, settingsAck, unknown
        case reset(UInt32, UInt32)
        case settings([UInt8])
        case ping(UInt64)
        case pong(UInt64)
        case goAway(UInt32, UInt32, [UInt8])
        case windowUpdate(UInt32, UInt32)
        case failed(HTTP2ErrorCode)
    }

    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var frames: [Frame]
        var found: [Found]

        init(_ description: String, _ frames: [Frame], _ found: [Found]) {
            testDescription = description
            self.frames = frames
            self.found = found
        }

        init(_ description: String, _ frames: Frame..., is code: HTTP2ErrorCode) {
            self.init(description, frames, [.failed(code)])
        }
    }

    private static func fill(_ count: Int, _ byte: UInt8 = 7) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    static let good: [Example] = [
        Example("DATA", [.data(1, [1, 2, 3])], [.data(1, [1, 2, 3], flow: 3, padding: 0, ends: false)]),
        Example("empty DATA", [.data(1, [])], [.data(1, [], flow: 0, padding: 0, ends: false)]),
        Example("DATA that ends", [.data(1, [1], end: true)], [.data(1, [1], flow: 1, padding: 0, ends: true)]),
        Example("empty DATA that ends", [.data(1, [], end: true)], [.data(1, [], flow: 0, padding: 0, ends: true)]),
        Example(
            "the largest DATA", [.data(9, fill(16_384))],
            [.data(9, fill(16_384), flow: 16_384, padding: 0, ends: false)]),
        Example(
            "padded DATA", [.paddedData(1, [5, 6], padding: 3, end: true)],
            [.data(1, [5, 6], flow: 6, padding: 4, ends: true)]),
        Example(
            "DATA of nothing but padding", [.paddedData(1, [], padding: 255), .ping(1)],
            [.data(1, [], flow: 256, padding: 256, ends: false), .ping(1)]),
        Example(
            "DATA of nothing but padding that ends", [.paddedData(1, [], padding: 255, end: true)],
            [.data(1, [], flow: 256, padding: 256, ends: true)]),
        Example(
            "padding of no bytes", [.paddedData(1, [5], padding: 0)],
            [.data(1, [5], flow: 2, padding: 1, ends: false)]),
        Example(
            "DATA of two streams", [.paddedData(1, [1], padding: 2), .data(3, [2]), .data(1, [3], end: true)],
            [
                .data(1, [1], flow: 4, padding: 3, ends: false), .data(3, [2], flow: 1, padding: 0, ends: false),
                .data(1, [3], flow: 1, padding: 0, ends: true),
            ]),
        Example(
            "HEADERS", [Frame(type: 1, flags: 5, stream: 1, payload: [1, 2])], [.headers(1, [1, 2], ends: true)]),
        Example("empty HEADERS", [Frame(type: 1, flags: 4, stream: 1)], [.headers(1, [], ends: false)]),
        Example(
            "HEADERS with padding and priority",
            [Frame(type: 1, flags: 0x2C, stream: 1, payload: [2, 0, 0, 0, 0, 16, 1, 2, 3, 0, 0])],
            [.headers(1, [1, 2, 3], ends: false)]),
        Example(
            "HEADERS of padding alone", [Frame(type: 1, flags: 0xC, stream: 1, payload: [2, 0, 0])],
            [.headers(1, [], ends: false)]),
        Example(
            "HEADERS and CONTINUATION",
            [
                Frame(type: 1, flags: 1, stream: 5, payload: [1]), .continuation(5, [2], end: false),
                .continuation(5, [], end: false), .continuation(5, [3]), .ping(2),
            ], [.headers(5, [1, 2, 3], ends: true), .ping(2)]),
        Example("PRIORITY", [.priority(3)], [.priority]),
        Example("RST_STREAM", [.reset(3, .refusedStream)], [.reset(3, 7)]),
        Example(
            "RST_STREAM of an unknown code", [Frame(type: 3, stream: 3, payload: [255, 255, 255, 255])],
            [.reset(3, .max)]),
        Example("SETTINGS", [.settings((3, 1))], [.settings([0, 3, 0, 0, 0, 1])]),
        Example("SETTINGS of nothing", [.settings()], [.settings([])]),
        Example("SETTINGS, acknowledging", [.settingsAck], [.settingsAck]),
        Example("PING", [.ping(5), .ping(6, ack: true)], [.ping(5), .pong(6)]),
        Example("GOAWAY", [.goAway(7, .enhanceYourCalm, "x")], [.goAway(7, 11, [120])]),
        Example(
            "GOAWAY with the reserved bit", [Frame(type: 7, payload: [128, 0, 0, 7, 0, 0, 0, 0])],
            [.goAway(7, 0, [])]),
        Example(
            "WINDOW_UPDATE", [.windowUpdate(0, 1), .windowUpdate(3, 5)], [.windowUpdate(0, 1), .windowUpdate(3, 5)]),
        Example(
            "WINDOW_UPDATE with the reserved bit", [Frame(type: 8, payload: [128, 0, 0, 7])], [.windowUpdate(0, 7)]),
        Example(
            "unknown types on any stream",
            [Frame(type: 0x10, flags: 255, payload: fill(99)), Frame(type: 99, stream: 8)],
            [.unknown, .unknown]),
        Example("flags that mean nothing", [Frame(type: 6, flags: 0xFE, payload: fill(8, 0))], [.ping(0)]),
    ]

    static let bad: [Example] = [
        Example("DATA on stream 0", .data(0, [1]), is: .protocolError),
        Example("DATA over the limit", .data(1, fill(16_385)), is: .frameSizeError),
        Example(
            "padding that is too long", Frame(type: 0, flags: 8, stream: 1, payload: [3, 0, 0]), is: .protocolError),
        Example("padded DATA without a length", Frame(type: 0, flags: 8, stream: 1), is: .frameSizeError),
        Example("HEADERS on stream 0", Frame(type: 1, flags: 4), is: .protocolError),
        Example(
            "HEADERS over the limit", Frame(type: 1, flags: 4, stream: 1, payload: fill(16_385)), is: .frameSizeError),
        Example("padded HEADERS without a length", Frame(type: 1, flags: 0xC, stream: 1), is: .frameSizeError),
        Example(
            "padding longer than HEADERS", Frame(type: 1, flags: 0xC, stream: 1, payload: [3, 0, 0]), is: .protocolError
        ),
        Example(
            "padding longer than HEADERS behind their priority",
            Frame(type: 1, flags: 0x2C, stream: 1, payload: [1, 0, 0, 0, 0, 16]), is: .protocolError),
        Example(
            "HEADERS too short for their priority", Frame(type: 1, flags: 0x24, stream: 1, payload: [0, 0, 0, 0]),
            is: .frameSizeError),
        Example("CONTINUATION of nothing", .continuation(1, [1]), is: .protocolError),
        Example(
            "CONTINUATION on another stream", Frame(type: 1, stream: 1), .continuation(3, [1]), is: .protocolError),
        Example("CONTINUATION on stream 0", Frame(type: 1, stream: 1), .continuation(0, [1]), is: .protocolError),
        Example("PING inside a header block", Frame(type: 1, stream: 1), .ping(1), is: .protocolError),
        Example("DATA inside a header block", Frame(type: 1, stream: 1), .data(1, [1]), is: .protocolError),
        Example(
            "an unknown type inside a header block", Frame(type: 1, stream: 1), Frame(type: 77, stream: 1),
            is: .protocolError),
        Example("PUSH_PROMISE", Frame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2]), is: .protocolError),
        Example("PRIORITY of 4 bytes", Frame(type: 2, stream: 1, payload: fill(4)), is: .frameSizeError),
        Example("RST_STREAM of 5 bytes", Frame(type: 3, stream: 1, payload: fill(5)), is: .frameSizeError),
        Example("RST_STREAM on stream 0", .reset(0), is: .protocolError),
        Example("SETTINGS of 5 bytes", Frame(type: 4, payload: fill(5)), is: .frameSizeError),
        Example("SETTINGS on stream 1", Frame(type: 4, stream: 1), is: .protocolError),
        Example(
            "SETTINGS that acknowledge with a value", Frame(type: 4, flags: 1, payload: fill(6)), is: .frameSizeError),
        Example("PING of 7 bytes", Frame(type: 6, payload: fill(7)), is: .frameSizeError),
        Example("PING on stream 1", Frame(type: 6, stream: 1, payload: fill(8)), is: .protocolError),
        Example("GOAWAY of 7 bytes", Frame(type: 7, payload: fill(7)), is: .frameSizeError),
        Example("GOAWAY on stream 1", Frame(type: 7, stream: 1, payload: fill(8)), is: .protocolError),
        Example("WINDOW_UPDATE of 3 bytes", Frame(type: 8, payload: fill(3)), is: .frameSizeError),
        Example("an unknown type over the limit", Frame(type: 99, payload: fill(16_385)), is: .frameSizeError),
    ]

    @Test("frames are found however they are split", arguments: good + bad, Split.all)
    func frames(example: Example, split: Split) {
        var reader = Self.reader()
        let found = Self.read(example.frames.flatMap(\.bytes), split, with: &reader)
        #expect(found == example.found)
        if !example.found.contains(where: { if case .failed = $0 { true } else { false } }) {
            #expect(!reader.isInsideFrame)
            #expect(reader.heldBytes == 0)
        }
    }

    @Test("all of them one behind the other are found however they are split", arguments: Split.all)
    func sequence(split: Split) {
        var reader = Self.reader()
        let found = Self.read(Self.good.flatMap { $0.frames.flatMap(\.bytes) }, split, with: &reader)
        #expect(found == Self.good.flatMap(\.found))
    }

    @Test("what is cut off is inside a frame, but for the content of DATA")
    func cut() {
        let data = Frame.data(1, Self.fill(5))
        let padded = Frame.paddedData(1, Self.fill(5), padding: 9)
        let open = Frame(type: 1, stream: 1, payload: Self.fill(5))
        let cases: [(String, ArraySlice<UInt8>, Bool)] = [
            ("nothing", [], false), ("a byte of a header", [0], true),
            ("a header", Frame.ping(1).bytes.prefix(9), true),
            ("a frame less a byte", Frame.ping(1).bytes.dropLast(), true), ("a frame", Frame.ping(1).bytes[...], false),
            ("a header of DATA less a byte", data.bytes.prefix(8), true),
            ("a header of DATA", data.bytes.prefix(9), false),
            ("DATA less a byte", data.bytes.dropLast(), false), ("DATA", data.bytes[...], false),
            ("a header of padded DATA", padded.bytes.prefix(9), true),
            ("padded DATA less a byte of padding", padded.bytes.dropLast(), false),
            ("a header block that goes on", open.bytes[...], true),
            (
                "a header block and half a CONTINUATION", (open.bytes + Frame.continuation(1, [1]).bytes).dropLast(),
                true
            ),
            (
                "a header block and one that goes on", (open.bytes + Frame.continuation(1, [1], end: false).bytes)[...],
                true
            ),
            ("a header block", (open.bytes + Frame.continuation(1, [1]).bytes)[...], false),
        ]
        for (name, bytes, expected) in cases {
            var reader = Self.reader()
            _ = Self.read(Array(bytes), .whole, with: &reader)
            #expect(reader.isInsideFrame == expected, "\(name)")
        }
    }

    struct Beginning: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var found: [Found]
    }

    static let beginnings: [Beginning] = [
        Beginning(
            testDescription: "the preface and SETTINGS", bytes: Frame.preface + Frame.settings().bytes,
            found: [.settings([])]),
        Beginning(
            testDescription: "HTTP/1.1", bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8), found: [.failed(.protocolError)]),
        Beginning(
            testDescription: "a preface that goes wrong at its end",
            bytes: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\rx".utf8), found: [.failed(.protocolError)]),
        Beginning(testDescription: "a preface that is cut off", bytes: Array(Frame.preface.dropLast()), found: []),
        Beginning(
            testDescription: "no SETTINGS first", bytes: Frame.preface + Frame.ping(1).bytes,
            found: [.failed(.protocolError)]),
        Beginning(
            testDescription: "SETTINGS first that acknowledge", bytes: Frame.preface + Frame.settingsAck.bytes,
            found: [.failed(.protocolError)]),
        Beginning(
            testDescription: "an unknown frame first", bytes: Frame.preface + Frame(type: 99).bytes,
            found: [.failed(.protocolError)]),
    ]

    @Test("a client begins with the preface, both sides with SETTINGS", arguments: beginnings, Split.all)
    func preface(beginning: Beginning, split: Split) {
        var server = HTTP2FrameReader(expectsPreface: true, maxHeaderBlock: 1000)
        #expect(Self.read(beginning.bytes, split, with: &server) == beginning.found)
        guard beginning.bytes.starts(with: Frame.preface) else { return }
        var client = HTTP2FrameReader(expectsPreface: false, maxHeaderBlock: 1000)
        #expect(Self.read(Array(beginning.bytes.dropFirst(24)), split, with: &client) == beginning.found)
    }

    // MARK: Bounds

    @Test("a header block is bounded in bytes and in frames (CVE-2024-27316)", arguments: Split.all)
    func headerBlocks(split: Split) {
        let first = Frame(type: 1, stream: 1, payload: Self.fill(100))
        let cases: [(String, [Frame], [Found])] = [
            (
                "of the largest size", [first, .continuation(1, Self.fill(900))],
                [.headers(1, Self.fill(1000), ends: false)]
            ),
            ("a byte larger", [first, .continuation(1, Self.fill(901))], [.failed(.enhanceYourCalm)]),
            (
                "a byte larger and not ended", [first, .continuation(1, Self.fill(901), end: false)],
                [.failed(.enhanceYourCalm)]
            ),
            (
                "larger in one frame", [Frame(type: 1, flags: 4, stream: 1, payload: Self.fill(1001))],
                [.failed(.enhanceYourCalm)]
            ),
            (
                "in 16 empty frames more",
                [first] + (1...16).map { .continuation(1, [], end: $0 == 16) },
                [.headers(1, Self.fill(100), ends: false)]
            ),
            ("in 17", [first] + (1...17).map { .continuation(1, [], end: $0 == 17) }, [.failed(.enhanceYourCalm)]),
        ]
        for (name, frames, expected) in cases {
            var reader = HTTP2FrameReader(expectsPreface: false, maxHeaderBlock: 1000)
            let bytes = (frames.first.map { _ in [Frame.settings()] } ?? []) + frames
            let found = Self.read(bytes.flatMap(\.bytes), split, with: &reader)
            #expect(Array(found.dropFirst()) == expected, "\(name)")
        }
    }

    @Test("the largest header block finds room in frames of 16 KiB")
    func largeBlock() {
        var reader = HTTP2FrameReader(expectsPreface: false, maxHeaderBlock: 4 << 20)
        var frames = [Frame.settings(), Frame(type: 1, stream: 1)]
        frames += (1...256).map { .continuation(1, Self.fill(16_384), end: $0 == 256) }
        let found = Self.read(frames.flatMap(\.bytes), .whole, with: &reader)
        #expect(found == [.settings([]), .headers(1, Self.fill(4 << 20), ends: false)])
    }

    @Test("what was read is let go, where reads never end with a frame", arguments: [1, 9, 17, 5000])
    func residue(overlap: Int) {
        let frame = Frame(type: 99, payload: Self.fill(10_000)).bytes
        var reader = Self.reader()
        reader.append(ByteBuffer(bytes: frame.prefix(overlap)))
        for _ in 0..<2000 {
            reader.append(ByteBuffer(bytes: frame.dropFirst(overlap) + frame.prefix(overlap)))
            while (try? reader.next()) != nil {}
            #expect(reader.heldBytes == (overlap < 9 ? overlap : overlap - 9))
        }
        #expect(reader.storageBytes <= 64 * 1024, "after 20 MB")
    }

    @Test("a frame that dribbles in takes little more room than it needs")
    func dribble() {
        var reader = Self.reader()
        let frame = Frame(type: 99, payload: Self.fill(16_384)).bytes
        reader.append(ByteBuffer(bytes: frame + frame.prefix(9)))
        while (try? reader.next()) != nil {}
        for byte in frame.dropFirst(9) { reader.append(ByteBuffer(bytes: [byte])) }
        #expect(reader.heldBytes == 16_384)
        #expect(reader.storageBytes <= 64 * 1024)
    }

    @Test(
        "nothing is kept of a read that ends with a frame, and of another no more than its rest",
        arguments: [0, 1, 8, 9])
    func keepsRestAlone(rest: Int) throws {
        var reader = Self.reader()
        let frame = Frame(type: 99, payload: Self.fill(10_000)).bytes
        // More memory than bytes, as the buffer of an event loop has.
        var read = ByteBuffer()
        read.reserveCapacity(1 << 20)
        read.writeBytes(frame + Frame.ping(1).bytes.prefix(rest))
        reader.append(read)
        while try reader.next() != nil {}
        #expect(reader.storageBytes <= (rest == 0 ? 0 : 64))
        read.overwrite()
        reader.append(ByteBuffer(bytes: Frame.ping(1).bytes.dropFirst(rest)))
        guard case .ping(1) = try reader.next() else {
            Issue.record("the frame that was cut is not found")
            return
        }
    }

    @Test("what is kept is not copied with each byte that comes")
    func copiesSeldom() throws {
        var reader = Self.reader()
        let frame = Frame(type: 99, payload: Self.fill(16_384)).bytes
        var place: UnsafeRawPointer?
        var moves = 0
        for byte in frame.dropLast() {
            reader.append(ByteBuffer(bytes: [byte]))
            #expect(try reader.next() == nil)
            // Asking for its address copies nothing.
            let now = reader.buffer.withVeryUnsafeBytes { $0.baseAddress }
            if now != place { moves += 1 }
            place = now
        }
        #expect(moves <= 24, "it grows by doubling; the header of the frame goes out of it once")
    }

    // MARK: Reading

    private static func reader() -> HTTP2FrameReader {
        var reader = HTTP2FrameReader(expectsPreface: false, maxHeaderBlock: 20_000)
        reader.append(ByteBuffer(bytes: Frame.settings().bytes))
        _ = try? reader.next()
        return reader
    }

    private static func read(_ bytes: [UInt8], _ split: Split, with reader: inout HTTP2FrameReader) -> [Found] {
        var found: [Found] = []
        for read in split.pieces(of: bytes) {
            reader.append(read)
            do throws(HTTP2Failure) {
                while let piece = try reader.next() { add(piece, to: &found) }
                read.overwrite()
            } catch {
                return found.filter { if case .data = $0 { false } else { true } } + [.failed(error.code)]
            }
        }
        return found
    }

    private static func add(_ piece: HTTP2FrameReader.Piece, to found: inout [Found]) {
        switch piece {
        case .data(let id, let bytes, let frame?, let ends):
            let bytes = Array(bytes.readableBytesView)
            found.append(.data(id, bytes, flow: frame.flow, padding: frame.padding, ends: ends))
        case .data(let id, let bytes, nil, let ends):
            guard case .data(id, let before, let flow, let padding, false)? = found.popLast() else {
                Issue.record("a piece of DATA without a beginning")
                return
            }
            #expect(bytes.readableBytes > 0 || ends, "an empty piece")
            found.append(.data(id, before + bytes.readableBytesView, flow: flow, padding: padding, ends: ends))
        case .headers(let id, let block, let ends):
            found.append(.headers(id, Array(block.readableBytesView), ends: ends))
        case .priority: found.append(.priority)
        case .rstStream(let id, let code): found.append(.reset(id, code.rawValue))
        case .settings(let payload): found.append(.settings(Array(payload.readableBytesView)))
        case .settingsAck: found.append(.settingsAck)
        case .ping(let value): found.append(.ping(value))
        case .pingAck(let value): found.append(.pong(value))
        case .goAway(let last, let code, let text):
            found.append(.goAway(last, code.rawValue, Array(text.readableBytesView)))
        case .windowUpdate(let id, let increment): found.append(.windowUpdate(id, increment))
        case .unknown: found.append(.unknown)
        }
    }
}
