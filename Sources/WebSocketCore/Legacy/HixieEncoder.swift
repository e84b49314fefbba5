public import NIOCore

/// Makes what a client of hixie-76 reads (draft-ietf-hybi-thewebsocketprotocol-00 §4.2) of the frames of a server of
/// RFC 6455, in whatever pieces they come.
///
/// A fragmented message goes on as it comes: 0x00 stands before its first byte and 0xFF behind its last. The draft has
/// no pings, no close codes and no binary messages: the first two stay here, the third is refused.
public struct HixieEncoder: Sendable {
    /// What came of some bytes.
    public struct Output: Equatable, Sendable {
        /// For the client.
        public var bytes = ByteBuffer()
        /// The payload of the last ping among them, to be answered for the client.
        public var ping: ByteBuffer?
        /// What the server sent can't be told the client: the Close that it gets for it. At most once.
        public var refusal: ClosePayload?
        /// The server closed inside a message, where the client would take the closing handshake for text: all that is
        /// left is to end the connection.
        public var breaksOff = false

        public init() {}
    }

    private enum Message { case none, text, binary }

    private struct Frame {
        var header: FrameHeader
        var remaining: Int
    }

    /// The beginning of a header.
    private var cut = ByteBuffer()
    private var frame: Frame?
    private var message = Message.none
    /// The client has got 0x00 and not yet 0xFF.
    private var textIsOpen = false
    private var pingPayload = ByteBuffer()
    /// The server was refused: only its Close is of interest.
    private var isRefused = false
    private var isOver = false

    public init() {}

    /// - Parameter frames: any piece of the server's stream; unmasked, without extensions.
    public mutating func encode(_ frames: ByteBuffer) -> Output {
        var output = Output()
        var bytes = frames
        if cut.readableBytes > 0 {
            bytes = cut
            bytes.writeImmutableBuffer(frames)
            cut = ByteBuffer()
        }
        while !isOver {
            if frame == nil {
                guard let header = nextHeader(&bytes, &output) else { break }
                frame = Frame(header: header, remaining: header.payloadLength)
                begin(header, &output)
            }
            guard passPayload(&bytes, &output) else { break }
        }
        return output
    }

    private mutating func nextHeader(_ bytes: inout ByteBuffer, _ output: inout Output) -> FrameHeader? {
        guard bytes.readableBytes > 0 else { return nil }
        do throws(ProtocolViolation) {
            let parsed = bytes.withUnsafeReadableBytes { view in
                Result { () throws(ProtocolViolation) in try FrameHeader.parse(view) }
            }
            guard let header = try parsed.get() else {
                cut = ByteBuffer(bytes: bytes.readableBytesView)
                return nil
            }
            bytes.moveReaderIndex(forwardBy: header.encodedLength)
            return header
        } catch {
            // Frames were judged before they came here.
            isOver = true
            output.breaksOff = true
            return nil
        }
    }

    private mutating func begin(_ header: FrameHeader, _ output: inout Output) {
        switch header.opcode {
        case .text:
            message = .text
            guard !isRefused else { return }
            textIsOpen = true
            output.bytes.writeInteger(0x00 as UInt8)
        case .binary:
            message = .binary
            refuse(.unsupportedData, "a binary message, which hixie-76 does not have", &output)
        case .close:
            isOver = true
            if textIsOpen {
                output.breaksOff = true
            } else {
                output.bytes.writeBytes([0xFF, 0x00])
            }
        case .ping:
            pingPayload.clear()
        case .continuation, .pong:
            break
        }
    }

    /// - Returns: false when more bytes are needed.
    private mutating func passPayload(_ bytes: inout ByteBuffer, _ output: inout Output) -> Bool {
        guard let current = frame else { return true }
        let count = min(current.remaining, bytes.readableBytes)
        let payload = bytes.readSlice(length: count) ?? ByteBuffer()
        switch current.header.opcode {
        case .text, .continuation:
            if case .text = message { pass(payload, &output) }
        case .ping:
            pingPayload.writeImmutableBuffer(payload)
        case .binary, .close, .pong:
            break
        }
        guard count == current.remaining else {
            frame?.remaining = current.remaining &- count
            return false
        }
        frame = nil
        end(current.header, &output)
        return true
    }

    private mutating func pass(_ text: ByteBuffer, _ output: inout Output) {
        guard !isRefused else { return }
        // It would end the text, and what follows would be read as frames. UTF-8 has no such byte.
        guard !text.readableBytesView.contains(0xFF) else {
            return refuse(.invalidPayload, "text has a byte 0xFF, which is the end of text in hixie-76", &output)
        }
        output.bytes.writeImmutableBuffer(text)
    }

    private mutating func end(_ header: FrameHeader, _ output: inout Output) {
        switch header.opcode {
        case .ping:
            output.ping = pingPayload
            pingPayload = ByteBuffer()
        case .text, .continuation, .binary:
            guard header.fin else { return }
            message = .none
            // Text that was cut by a refusal stays open.
            guard textIsOpen, !isRefused else { return }
            textIsOpen = false
            output.bytes.writeInteger(0xFF as UInt8)
        case .close, .pong:
            break
        }
    }

    private mutating func refuse(_ code: CloseCode, _ reason: String, _ output: inout Output) {
        guard !isRefused else { return }
        isRefused = true
        output.refusal = ClosePayload(code: code, reason: reason)
    }
}
