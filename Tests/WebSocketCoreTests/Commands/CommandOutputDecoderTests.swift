import NIOCore
import TestSupport
import Testing
import WebSocketCore

/// One way to cut bytes into the pieces they come in.
enum Cut: CaseIterable, CustomTestStringConvertible {
    case whole, bytes, random

    var testDescription: String { "\(self)" }

    func pieces(of bytes: [UInt8]) -> [ByteBuffer] {
        switch self {
        case .whole: return [ByteBuffer(bytes: bytes)]
        case .bytes: return bytes.map { ByteBuffer(bytes: [$0]) }
        case .random:
            var generator = SeededGenerator(seed: UInt64(bytes.count))
            var rest = bytes[...]
            var pieces: [ByteBuffer] = []
            while !rest.isEmpty {
                let count = Int.random(in: 1...min(rest.count, 40_000), using: &generator)
                pieces.append(ByteBuffer(bytes: rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            return pieces
        }
    }
}

/// A message, or what has come of one.
struct Message: Equatable, CustomStringConvertible {
    var opcode: Opcode
    var payload: [UInt8]
    /// Frames that carried it.
    var frames = 1
    var isWhole = true

    static func text(_ text: String) -> Message { Message(opcode: .text, payload: Array(text.utf8)) }
    static func binary(_ bytes: [UInt8]) -> Message { Message(opcode: .binary, payload: bytes) }

    var description: String { "\(opcode) of \(payload.count) in \(frames) \(payload.prefix(20))" }

    /// Reads frames of a server; traps on what is none.
    static func read(_ frames: ByteBuffer) throws -> [Message] {
        var frames = frames
        var messages: [Message] = []
        while frames.readableBytes > 0 {
            let header = try #require(try frames.withUnsafeReadableBytes { try FrameHeader.parse($0) })
            #expect(header.maskKey == nil)
            frames.moveReaderIndex(forwardBy: header.encodedLength)
            let bytes = frames.readBytes(length: header.payloadLength)
            let payload = try #require(bytes)
            if header.opcode == .continuation {
                let last = try #require(messages.indices.last)
                #expect(!messages[last].isWhole)
                messages[last].payload += payload
                messages[last].frames += 1
                messages[last].isWhole = header.fin
            } else {
                #expect(messages.last?.isWhole ?? true)
                messages.append(Message(opcode: header.opcode, payload: payload, isWhole: header.fin))
            }
        }
        return messages
    }
}

@Suite struct CommandOutputDecoderTests {
    private func decode(
        _ bytes: [UInt8], _ framing: CommandFraming, _ cut: Cut
    ) throws -> (messages: [Message], isAtBoundary: Bool) {
        var decoder = CommandOutputDecoder(framing: framing)
        var frames = ByteBuffer()
        for piece in cut.pieces(of: bytes) {
            let made = decoder.decode(piece)
            // Each call gives whole frames.
            var rest = made
            while rest.readableBytes > 0 {
                let header = try #require(try rest.withUnsafeReadableBytes { try FrameHeader.parse($0) })
                try #require(rest.readableBytes >= header.encodedLength + header.payloadLength)
                rest.moveReaderIndex(forwardBy: header.encodedLength + header.payloadLength)
            }
            frames.writeImmutableBuffer(made)
            #expect(decoder.heldBytes <= 64 * 1024 + 1)
        }
        frames.writeImmutableBuffer(decoder.finish())
        return (try Message.read(frames), decoder.isAtBoundary)
    }

    @Test(
        arguments: [
            ("", []),
            ("one\n", [.text("one")]),
            ("one\ntwo\n", [.text("one"), .text("two")]),
            ("\n\n", [.text(""), .text("")]),
            ("dos\r\nends\r\n", [.text("dos"), .text("ends")]),
            ("a\rb\n", [.text("a\rb")]),
            ("a\r\r\n", [.text("a\r")]),
            ("no end", [.text("no end")]),
            ("a\nno end\r", [.text("a"), .text("no end\r")]),
            ("héllo\u{1F600}\n", [.text("héllo\u{1F600}")]),
            ("zero\0inside\n", [.text("zero\0inside")]),
        ] as [(String, [Message])], Cut.allCases)
    func aLineIsATextMessage(line: (output: String, expected: [Message]), cut: Cut) throws {
        let (messages, isAtBoundary) = try decode(Array(line.output.utf8), .line, cut)
        #expect(messages == line.expected)
        #expect(isAtBoundary)
    }

    @Test(
        arguments: [
            ("", [], true),
            ("00 00 00 00", [.binary([])], true),
            ("00 00 00 01 0A", [.binary([10])], true),
            ("00 00 00 02 01 02 00 00 00 01 03", [.binary([1, 2]), .binary([3])], true),
            ("00 00 00 00 00 00 00 00", [.binary([]), .binary([])], true),
            ("00", [], false),
            ("00 00 00 03 01 02", [], false),
            ("00 00 00 01 07 00 00", [.binary([7])], false),
        ] as [(Bytes, [Message], Bool)], Cut.allCases)
    func aLengthAndSoManyBytesAreABinaryMessage(row: (Bytes, [Message], Bool), cut: Cut) throws {
        let (messages, isAtBoundary) = try decode(row.0.values, .binary, cut)
        #expect(messages == row.1)
        #expect(isAtBoundary == row.2)
    }

    @Test(arguments: CommandFraming.allCases, [Cut.whole, .random])
    func ofALongMessageThePiecesGoOn(framing: CommandFraming, cut: Cut) throws {
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
        let bytes =
            framing == .line ? payload + [10] : [0, 0x04, 0x93, 0xE0] + payload
        let (messages, isAtBoundary) = try decode(bytes, framing, cut)
        #expect(messages.map(\.payload) == [payload])
        #expect(messages.map(\.opcode) == [framing == .line ? .text : .binary])
        #expect(messages.map(\.isWhole) == [true])
        #expect(isAtBoundary)
        if cut == .random { #expect(messages.allSatisfy { $0.frames > 1 }) }
    }

    @Test func aReturnAtTheEndOfAPieceWaitsForItsLineFeed() throws {
        var decoder = CommandOutputDecoder(framing: .line)
        let text = String(repeating: "x", count: 70_000)
        var frames = decoder.decode(ByteBuffer(string: text + "\r"))
        #expect(frames.readableBytes > 70_000)
        frames.writeImmutableBuffer(decoder.decode(ByteBuffer(string: "\n")))
        #expect(try Message.read(frames).map(\.payload) == [Array(text.utf8)])
    }

    @Test func whatIsShorterThanItsLengthIsNoMessage() throws {
        var decoder = CommandOutputDecoder(framing: .binary)
        var output = ByteBuffer(bytes: [0, 2, 0, 0])
        output.writeRepeatingByte(1, count: 100_000)
        var frames = decoder.decode(output)
        frames.writeImmutableBuffer(decoder.finish())
        #expect(try Message.read(frames).map(\.isWhole) == [false])
        #expect(!decoder.isAtBoundary)
    }

    @Test func closeAndPongAreThoseOfAServer() {
        let close = CommandOutputDecoder.closeFrame(ClosePayload(code: .normalClosure, reason: "ok"))
        #expect(Bytes(close.readableBytesView) == "88 04 03 E8 6F 6B")
        #expect(Bytes(CommandOutputDecoder.pongFrame(ByteBuffer(string: "a")).readableBytesView) == "8A 01 61")
    }
}
