public import NIOCore

/// Makes what a command reads from its standard input of the frames that a client sends (RFC 6455 §5.2), in whatever
/// pieces they come. The frames are those of a checked session: masked, in order, none of them compressed.
///
/// A message that a line can't carry is refused, and so is the connection then: a line feed inside it would make two
/// messages of one, and which of them the client meant nobody could tell.
public struct CommandInputEncoder: Sendable {
    /// What became of some frames.
    public struct Output: Equatable, Sendable {
        /// For the standard input.
        public var bytes = ByteBuffer()
        /// The payload of the latest ping. Earlier ones need no answer (RFC 6455 §5.5.3).
        public var ping: ByteBuffer?
        /// The payload of a Close.
        public var close: ByteBuffer?
        /// The command can't be told what the client said: the Close to answer with. Once at most.
        public var refusal: ClosePayload?

        public init() {}
    }

    private enum State {
        /// Of a frame's header so much has come.
        case header(ByteBuffer)
        case payload(FrameHeader, position: Int)
    }

    /// How the message goes on that has begun.
    private enum Way {
        /// Kept until its end.
        case gather
        /// Written as it comes.
        case stream
    }

    private let framing: CommandFraming
    private var state = State.header(ByteBuffer())
    private var way: Way?
    private var gathered = ByteBuffer()
    private var control = ByteBuffer()
    private var discards = false

    public init(framing: CommandFraming) { self.framing = framing }

    /// Bytes that wait for the rest of their message.
    public var heldBytes: Int { gathered.readableBytes }

    /// From now on messages are read over. Pings and the Close are told of as before.
    public mutating func stop() {
        discards = true
        gathered = ByteBuffer()
    }

    /// - Parameter frames: what came; any piece of the frames.
    public mutating func encode(_ frames: ByteBuffer) -> Output {
        var frames = frames
        var output = Output()
        while frames.readableBytes > 0 {
            switch state {
            case .header(var partial):
                guard let header = Self.takeHeader(&partial, &frames) else {
                    state = .header(partial)
                    return output
                }
                begin(header, &output)
                state = .payload(header, position: 0)
                if header.payloadLength == 0 { end(header, &output) }
            case .payload(let header, let position):
                let count = min(header.payloadLength - position, frames.readableBytes)
                guard var piece = frames.readSlice(length: count) else { return output }
                if let key = header.maskKey {
                    piece.withUnsafeMutableReadableBytes { key.apply(to: $0, offset: position) }
                }
                take(piece, of: header, &output)
                state = .payload(header, position: position + count)
                if position + count == header.payloadLength { end(header, &output) }
            }
        }
        return output
    }

    /// nil: more bytes are needed, and those that came are in `partial`. What breaks a rule has ended the session before.
    private static func takeHeader(_ partial: inout ByteBuffer, _ frames: inout ByteBuffer) -> FrameHeader? {
        let known = partial.readableBytes
        if known == 0, let header = try? frames.withUnsafeReadableBytes({ try FrameHeader.parse($0) }) {
            frames.moveReaderIndex(forwardBy: header.encodedLength)
            return header
        }
        let view = frames.readableBytesView
        partial.writeBytes(view.prefix(FrameHeader.maximumEncodedLength - known))
        guard let header = try? partial.withUnsafeReadableBytes({ try FrameHeader.parse($0) }) else {
            frames.moveReaderIndex(forwardBy: partial.readableBytes - known)
            return nil
        }
        frames.moveReaderIndex(forwardBy: header.encodedLength - known)
        return header
    }

    private mutating func begin(_ header: FrameHeader, _ output: inout Output) {
        guard !header.opcode.isControl else {
            control.clear()
            return
        }
        guard header.opcode != .continuation, !discards else { return }
        switch framing {
        case .line where header.opcode == .binary:
            refuse(ClosePayload(code: .unsupportedData, reason: "expected a text message, found a binary one"), &output)
        case .line:
            way = .gather
        case .binary:
            guard let length = UInt32(exactly: header.payloadLength) else {
                return refuse(ClosePayload(code: .messageTooBig, reason: "message is over 4 GiB"), &output)
            }
            // The length of a message in fragments is known with the last one.
            way = header.fin ? .stream : .gather
            if header.fin { output.bytes.writeInteger(length) }
        }
    }

    private mutating func take(_ piece: ByteBuffer, of header: FrameHeader, _ output: inout Output) {
        if header.opcode.isControl {
            control.writeImmutableBuffer(piece)
            return
        }
        guard !discards else { return }
        if framing == .line, piece.readableBytesView.contains(UInt8(ascii: "\n")) {
            return refuse(
                ClosePayload(
                    code: .invalidPayload, reason: "expected a message that fits in one line, found a line feed in it"),
                &output)
        }
        guard way == .gather else {
            output.bytes.writeImmutableBuffer(piece)
            return
        }
        gathered.writeImmutableBuffer(piece)
        if framing == .line, gathered.readableBytes > CommandFraming.gathered {
            way = .stream
            output.bytes.writeBuffer(&gathered)
            gathered = ByteBuffer()
        }
    }

    private mutating func end(_ header: FrameHeader, _ output: inout Output) {
        state = .header(ByteBuffer())
        switch header.opcode {
        case .ping: output.ping = control
        case .close: output.close = control
        case .pong: break
        default: if header.fin { endMessage(&output) }
        }
    }

    private mutating func endMessage(_ output: inout Output) {
        defer {
            way = nil
            gathered = ByteBuffer()
        }
        guard !discards else { return }
        if framing == .binary, way == .gather {
            guard let length = UInt32(exactly: gathered.readableBytes) else {
                return refuse(ClosePayload(code: .messageTooBig, reason: "message is over 4 GiB"), &output)
            }
            output.bytes.writeInteger(length)
        }
        output.bytes.writeBuffer(&gathered)
        if framing == .line { output.bytes.writeInteger(UInt8(ascii: "\n")) }
    }

    private mutating func refuse(_ close: ClosePayload, _ output: inout Output) {
        guard !discards else { return }
        output.refusal = close
        stop()
    }
}
