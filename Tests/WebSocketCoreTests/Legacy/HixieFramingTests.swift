import NIOCore
import TestSupport
import Testing
import WebSocketCore

@Suite("Frames of hixie-76 and of RFC 6455")
struct HixieFramingTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: Bytes
        var result: Bytes
    }

    private static let noMask = MaskKey(raw: 0)

    // MARK: From the client

    static let fromClient: [Example] = [
        Example(testDescription: "text", bytes: "00 48 69 ff", result: "81 82 00000000 48 69"),
        Example(testDescription: "empty text", bytes: "00 ff", result: "81 80 00000000"),
        Example(
            testDescription: "two messages", bytes: "00 61 ff 00 62 ff",
            result: "81 81 00000000 61 81 81 00000000 62"),
        Example(testDescription: "the closing handshake", bytes: "ff 00", result: "88 80 00000000"),
        Example(
            testDescription: "nothing follows the closing handshake", bytes: "ff 00 00 61 ff",
            result: "88 80 00000000"),
        Example(
            testDescription: "the closing handshake with a longer zero", bytes: "ff 80 00", result: "88 80 00000000"),
        Example(
            testDescription: "a frame with a length is dropped", bytes: "80 03 00 61 ff 00 62 ff",
            result: "81 81 00000000 62"),
        Example(testDescription: "and so is an empty one", bytes: "80 00 00 62 ff", result: "81 81 00000000 62"),
        Example(testDescription: "type 0xFF with a length", bytes: "ff 01 00 00 62 ff", result: "81 81 00000000 62"),
        Example(
            testDescription: "other frames that end with 0xFF", bytes: "01 61 62 ff 7f ff 00 62 ff",
            result: "81 81 00000000 62"),
        Example(testDescription: "text that goes on", bytes: "00 61", result: "01 81 00000000 61"),
        Example(testDescription: "text that has begun", bytes: "00", result: "01 80 00000000"),
        Example(testDescription: "a length that goes on", bytes: "80 81", result: ""),
    ]

    @Test("what a client sends", arguments: fromClient)
    func decode(example: Example) {
        var decoder = HixieDecoder(maximumDiscard: 1000)
        let frames = decoder.decode(ByteBuffer(bytes: example.bytes.values)) { Self.noMask }
        #expect(Bytes(frames.readableBytesView) == example.result)
    }

    @Test("each frame has the mask it is given")
    func mask() {
        var decoder = HixieDecoder(maximumDiscard: 1000)
        let key = MaskKey(raw: UInt32(bigEndian: 0x37FA_213D))
        let frames = decoder.decode(ByteBuffer(bytes: [0x00] + Array("Hello".utf8) + [0xFF])) { key }
        // RFC 6455 §5.7
        #expect(Bytes(frames.readableBytesView) == "81 85 37 fa 21 3d 7f 9f 4d 51 58")
    }

    @Test(
        "a frame that is dropped has a limit",
        arguments: [
            "80 88 00", "80 ff ff ff ff ff ff ff ff ff ff ff ff",
            Bytes(hexadecimal: "01" + String(repeating: " 61", count: 1001)),
        ] as [Bytes])
    func limit(bytes: Bytes) {
        var decoder = HixieDecoder(maximumDiscard: 1000)
        let frames = decoder.decode(ByteBuffer(bytes: bytes.values)) { Self.noMask }
        #expect(Array(frames.readableBytesView.prefix(1)) == [0x88])
        #expect(Array(frames.readableBytesView.dropFirst(6).prefix(2)) == [0x03, 0xF1])
        #expect(decoder.isOver)
    }

    @Test("a frame of the limit is dropped")
    func atTheLimit() {
        var decoder = HixieDecoder(maximumDiscard: 1000)
        let bytes = [0x80, 0x87, 0x68] + [UInt8](repeating: 0xFF, count: 1000) + [0x00, 0xFF]
        #expect(Bytes(decoder.decode(ByteBuffer(bytes: bytes)) { Self.noMask }.readableBytesView) == "81 80 00000000")
    }

    // MARK: From the server

    static let fromServer: [Example] = [
        Example(testDescription: "text", bytes: "81 02 48 69", result: "00 48 69 ff"),
        Example(testDescription: "empty text", bytes: "81 00", result: "00 ff"),
        Example(
            testDescription: "fragments are joined", bytes: "01 01 61 00 00 00 01 62 80 01 63", result: "00 61 62 63 ff"
        ),
        Example(
            testDescription: "pings and pongs stay, between fragments too",
            bytes: "8a 01 78 01 01 61 89 01 78 80 01 62",
            result: "00 61 62 ff"),
        Example(testDescription: "a Close loses its code", bytes: "88 02 03 e8 81 01 61", result: "ff 00"),
        Example(testDescription: "binary is left out", bytes: "82 01 61 88 00", result: "ff 00"),
        Example(testDescription: "and all that follows", bytes: "02 01 61 80 01 62 81 01 63 88 00", result: "ff 00"),
    ]

    @Test("what a server sends", arguments: fromServer)
    func encode(example: Example) {
        var encoder = HixieEncoder()
        let output = encoder.encode(ByteBuffer(bytes: example.bytes.values))
        #expect(Bytes(output.bytes.readableBytesView) == example.result)
        #expect(!output.breaksOff)
    }

    @Test("the last ping is answered")
    func ping() {
        var encoder = HixieEncoder()
        #expect(
            encoder.encode(ByteBuffer(bytes: [0x89, 0x01, 0x61, 0x89, 0x02, 0x62])).ping == ByteBuffer(string: "a"))
        let output = encoder.encode(ByteBuffer(bytes: [0x63]))
        #expect(output.ping == ByteBuffer(string: "bc"))
        let pong = HixieDecoder.pongFrame(output.ping ?? ByteBuffer(), key: Self.noMask)
        #expect(Bytes(pong.readableBytesView) == "8a 82 00000000 62 63")
    }

    @Test("binary is refused, once")
    func binary() {
        var encoder = HixieEncoder()
        #expect(encoder.encode(ByteBuffer(bytes: [0x82, 0x01])).refusal?.code == .unsupportedData)
        #expect(encoder.encode(ByteBuffer(bytes: [0x61, 0x82, 0x00])) == .init())
    }

    @Test("text with the byte that ends text is refused, and nothing can follow it")
    func endOfTextInside() {
        var encoder = HixieEncoder()
        let output = encoder.encode(ByteBuffer(bytes: [0x01, 0x01, 0x61, 0x80, 0x02, 0xFF, 0x00]))
        #expect(output.refusal?.code == .invalidPayload)
        #expect(Bytes(output.bytes.readableBytesView) == "00 61")
        #expect(encoder.encode(ByteBuffer(bytes: [0x88, 0x00])).breaksOff)
    }

    @Test("a Close inside a message ends the connection")
    func closeInsideMessage() {
        var encoder = HixieEncoder()
        let output = encoder.encode(ByteBuffer(bytes: [0x01, 0x01, 0x61, 0x88, 0x00]))
        #expect(output.breaksOff)
        #expect(Bytes(output.bytes.readableBytesView) == "00 61")
    }

    // MARK: Any pieces

    /// Cuts bytes at places that are drawn; one byte a piece at times.
    private static func pieces(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [ByteBuffer] {
        var rest = bytes[...]
        var pieces: [ByteBuffer] = []
        let most = random.chance(30) ? 1 : 40
        while !rest.isEmpty {
            let count = Int.random(in: 1...most, using: &random)
            pieces.append(ByteBuffer(bytes: rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    private static func text(_ random: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...0xFE, using: &random) }
    }

    @Test("messages come through both ways, however they are cut")
    func roundTrip() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let texts = (0..<5).map { _ in Self.text(&random) }
            var stream: [UInt8] = []
            for text in texts {
                stream += [0x00] + text + [0xFF]
                if random.chance(30) { stream += [0x81, 0x02, 0xFF, 0x00] }
            }
            var decoder = HixieDecoder(maximumDiscard: 10)
            var encoder = HixieEncoder()
            var keys = SeededGenerator(seed: seed)
            var output: [UInt8] = []
            for piece in Self.pieces(stream, &random) {
                let frames = decoder.decode(piece) { MaskKey(raw: UInt32(truncatingIfNeeded: keys.next())) }
                let unmasked = Self.unmasked(frames)
                for part in Self.pieces(unmasked, &random) {
                    output += encoder.encode(part).bytes.readableBytesView
                }
            }
            #expect(output == texts.flatMap { [0x00] + $0 + [0xFF] }, "seed \(seed)")
        }
    }

    /// The frames as a server would send them.
    private static func unmasked(_ frames: ByteBuffer) -> [UInt8] {
        var bytes = frames
        var result = ByteBuffer()
        while bytes.readableBytes > 0 {
            guard var header = try? bytes.withUnsafeReadableBytes({ try FrameHeader.parse($0) }),
                let key = header.maskKey
            else { return [] }
            bytes.moveReaderIndex(forwardBy: header.encodedLength)
            var payload = bytes.readSlice(length: header.payloadLength) ?? ByteBuffer()
            payload.withUnsafeMutableReadableBytes { key.apply(to: $0, offset: 0) }
            header.maskKey = nil
            header.encode(into: &result)
            result.writeBuffer(&payload)
        }
        return Array(result.readableBytesView)
    }

    // MARK: Close codes of versions 7 and 8

    @Test("1004 becomes 1009 and back, however it is cut")
    func closeCodes() {
        // Text "a", fragment of a binary message, Close 1004 "b", all masked with 01020304.
        let client: Bytes = "81 81 01020304 60 02 82 01020304 89ee 88 83 01020304 02 ee 61"
        let expected: Bytes = "81 81 01020304 60 02 82 01020304 89ee 88 83 01020304 02 f3 61"
        for step in 1...client.values.count {
            var reader = LegacyCloseReader()
            var output: [UInt8] = []
            for start in stride(from: 0, to: client.values.count, by: step) {
                let piece = client.values[start..<min(start + step, client.values.count)]
                output += reader.read(ByteBuffer(bytes: piece)).readableBytesView
            }
            #expect(Bytes(output) == expected, "pieces of \(step)")
        }
        func forClient(_ bytes: Bytes) -> Bytes {
            Bytes(LegacyCloseCodes.forClient(ByteBuffer(bytes: bytes.values)).readableBytesView)
        }
        #expect(forClient("88 03 03f1 62") == "88 03 03ec 62")
        #expect(forClient("88 03 03e8 62") == "88 03 03e8 62")
        #expect(forClient("88 00") == "88 00")
    }

    @Test("what is no frame goes on as it is")
    func noFrame() {
        var reader = LegacyCloseReader()
        #expect(reader.read(ByteBuffer(bytes: [0x83, 0x80, 0x01])) == ByteBuffer(bytes: [0x83, 0x80, 0x01]))
        #expect(reader.read(ByteBuffer(bytes: [0x88])) == ByteBuffer(bytes: [0x88]))
    }
}
