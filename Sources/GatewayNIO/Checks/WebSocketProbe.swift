import NIOCore
import WebSocketCore

/// The frames of a check that opened a WebSocket: a ping, whatever comes before its pong, and a Close.
struct WebSocketProbe {
    private(set) var verdict: HealthVerdict?
    /// The server's Close came, or what is no frame.
    private(set) var isOver = false
    private var output = ByteBuffer()
    private var input = ByteBuffer()
    /// Bytes of payload that nobody wants to see.
    private var skipped = 0
    private let masks: () -> UInt32

    /// - Parameter masks: random numbers, one a frame (RFC 6455 §5.3).
    init(masks: @escaping () -> UInt32) {
        self.masks = masks
        // Some parsers lose what follows an empty one.
        send(.ping, ByteBuffer(string: "sluice"))
    }

    private mutating func send(_ opcode: Opcode, _ payload: ByteBuffer) {
        var payload = payload
        let mask = MaskKey(raw: masks())
        FrameHeader(fin: true, opcode: opcode, maskKey: mask, payloadLength: payload.readableBytes)
            .encode(into: &output)
        payload.withUnsafeMutableReadableBytes { mask.apply(to: $0, offset: 0) }
        output.writeBuffer(&payload)
    }

    mutating func takeOutput() -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        defer { output = ByteBuffer() }
        return output
    }

    mutating func receive(_ bytes: ByteBuffer) {
        input.writeImmutableBuffer(bytes)
        while !isOver, step() {}
    }

    /// - Returns: false when more bytes are needed.
    private mutating func step() -> Bool {
        let count = min(skipped, input.readableBytes)
        input.moveReaderIndex(forwardBy: count)
        skipped -= count
        guard skipped == 0 else { return false }
        let parsed: FrameHeader?
        do {
            parsed = try input.withUnsafeReadableBytes { try FrameHeader.parse($0) }
        } catch {
            end(.failed("the server broke the WebSocket protocol: \((error as? ProtocolViolation)?.reason ?? "")"))
            return false
        }
        guard let header = parsed else { return false }
        guard header.maskKey == nil, !header.rsv1, !header.rsv2, !header.rsv3 else {
            end(.failed("the server broke the WebSocket protocol: a frame is masked, or has a reserved bit set"))
            return false
        }
        switch header.opcode {
        case .close:
            // At most 125 bytes: its code is worth waiting for.
            guard input.readableBytes >= header.encodedLength + header.payloadLength else { return false }
            input.moveReaderIndex(forwardBy: header.encodedLength)
            let code = header.payloadLength >= 2 ? input.readInteger(as: UInt16.self) : nil
            end(.failed("the server closed the WebSocket with \(code ?? 1005) before it answered a ping"))
            return false
        case .pong where verdict == nil:
            verdict = .passed
            var close = ByteBuffer()
            ClosePayload(code: .normalClosure).encode(into: &close)
            send(.close, close)
        default:
            break
        }
        input.moveReaderIndex(forwardBy: header.encodedLength)
        skipped = header.payloadLength
        if input.readableBytes == 0 { input.clear() }
        return true
    }

    private mutating func end(_ verdict: HealthVerdict) {
        if self.verdict == nil { self.verdict = verdict }
        isOver = true
    }
}
