import NIOCore
import TestSupport
import Testing
import WebSocketCore

@Suite struct CommandInputEncoderTests {
    /// A frame of a client.
    private static func frame(
        _ opcode: Opcode, _ payload: [UInt8], fin: Bool = true, key: UInt32? = 0x2143_6587
    ) -> [UInt8] {
        let key = key.map { MaskKey(raw: $0) }
        var buffer = ByteBuffer()
        FrameHeader(fin: fin, opcode: opcode, maskKey: key, payloadLength: payload.count).encode(into: &buffer)
        let start = buffer.readableBytes
        buffer.writeBytes(payload)
        if let key {
            buffer.withUnsafeMutableReadableBytes { bytes in
                key.apply(to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), offset: 0)
            }
        }
        return Array(buffer.readableBytesView)
    }

    private static func text(_ text: String, fin: Bool = true) -> [UInt8] { frame(.text, Array(text.utf8), fin: fin) }

    private func encode(
        _ frames: [UInt8], _ framing: CommandFraming, _ cut: Cut
    ) -> CommandInputEncoder.Output {
        var encoder = CommandInputEncoder(framing: framing)
        var all = CommandInputEncoder.Output()
        for piece in cut.pieces(of: frames) {
            var output = encoder.encode(piece)
            all.bytes.writeBuffer(&output.bytes)
            all.ping = output.ping ?? all.ping
            all.close = output.close ?? all.close
            if let refusal = output.refusal {
                #expect(all.refusal == nil)
                all.refusal = refusal
            }
        }
        return all
    }

    @Test(
        arguments: [
            ([], ""),
            (text("one"), "one\n"),
            (text("") + text("two"), "\ntwo\n"),
            (text("a\rb"), "a\rb\n"),
            (text("ha", fin: false) + frame(.continuation, Array("lf".utf8)), "half\n"),
            (
                text("a", fin: false) + frame(.ping, [1]) + frame(.continuation, [], fin: false)
                    + frame(.continuation, Array("b".utf8)) + text("c"), "ab\nc\n"
            ),
            (frame(.text, Array("bare".utf8), key: nil), "bare\n"),
            (frame(.pong, []) + text("héllo"), "héllo\n"),
            // What never ends is no line.
            (text("one") + text("half", fin: false), "one\n"),
        ] as [([UInt8], String)], Cut.allCases)
    func aMessageIsALine(row: (frames: [UInt8], expected: String), cut: Cut) {
        let output = encode(row.frames, .line, cut)
        #expect(String(buffer: output.bytes) == row.expected)
        #expect(output.refusal == nil)
        #expect(output.close == nil)
    }

    @Test(
        arguments: [
            (text("one\ntwo"), CloseCode.invalidPayload, ""),
            (text("ok") + text("\n"), .invalidPayload, "ok\n"),
            (text("a", fin: false) + frame(.continuation, [10]) + text("b"), .invalidPayload, ""),
            (text("one\r\n"), .invalidPayload, ""),
            (frame(.binary, [1]) + text("b"), .unsupportedData, ""),
            (frame(.binary, []), .unsupportedData, ""),
        ] as [([UInt8], CloseCode, String)], Cut.allCases)
    func whatIsNoLineIsRefused(row: (frames: [UInt8], code: CloseCode, written: String), cut: Cut) {
        let output = encode(row.frames, .line, cut)
        #expect(output.refusal?.code == row.code)
        #expect(String(buffer: output.bytes) == row.written)
    }

    @Test(
        arguments: [
            ([], ""),
            (frame(.binary, []), "00 00 00 00"),
            (frame(.binary, [10, 0]), "00 00 00 02 0A 00"),
            (text("a\nb"), "00 00 00 03 61 0A 62"),
            (
                frame(.binary, [1], fin: false) + frame(.continuation, [2, 3]) + frame(.binary, [4]),
                "00 00 00 03 01 02 03 00 00 00 01 04"
            ),
            (frame(.binary, [], fin: false) + frame(.continuation, []), "00 00 00 00"),
            // Its length is not known yet.
            (frame(.binary, [1, 2], fin: false), ""),
        ] as [([UInt8], Bytes)], Cut.allCases)
    func aMessageIsItsLengthAndItsBytes(row: (frames: [UInt8], expected: Bytes), cut: Cut) {
        let output = encode(row.frames, .binary, cut)
        #expect(Bytes(output.bytes.readableBytesView) == row.expected)
        #expect(output.refusal == nil)
    }

    @Test(arguments: CommandFraming.allCases, [Cut.whole, .random])
    func ofALongMessageLittleIsKept(framing: CommandFraming, cut: Cut) {
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
        var encoder = CommandInputEncoder(framing: framing)
        var written = ByteBuffer()
        for piece in cut.pieces(of: Self.frame(.text, payload)) {
            var output = encoder.encode(piece)
            written.writeBuffer(&output.bytes)
            #expect(encoder.heldBytes <= 64 * 1024)
        }
        #expect(
            Array(written.readableBytesView) == (framing == .line ? payload + [10] : [0, 0x04, 0x93, 0xE0] + payload))
    }

    @Test(arguments: Cut.allCases)
    func pingsAndTheCloseAreTold(cut: Cut) {
        let frames =
            Self.frame(.ping, [1]) + Self.frame(.ping, [2, 3]) + Self.frame(.close, [3, 0xE8], key: 0xFFFF_0000)
        let output = encode(frames, .line, cut)
        #expect(output.ping == ByteBuffer(bytes: [2, 3]))
        #expect(output.close == ByteBuffer(bytes: [3, 0xE8]))
        #expect(output.bytes.readableBytes == 0)
    }

    @Test func behindStopOnlyControlFramesAreLookedAt() {
        var encoder = CommandInputEncoder(framing: .line)
        _ = encoder.encode(ByteBuffer(bytes: Self.text("half", fin: false)))
        encoder.stop()
        #expect(encoder.heldBytes == 0)
        let rest = Self.frame(.continuation, [10]) + Self.text("more\n") + Self.frame(.binary, [1])
        #expect(encoder.encode(ByteBuffer(bytes: rest)) == CommandInputEncoder.Output())
        #expect(encoder.encode(ByteBuffer(bytes: Self.frame(.close, []))).close == ByteBuffer())
    }
}
