public import NIOCore

/// Makes the frames that a client of RFC 6455 would have sent of what a client of hixie-76 sends
/// (draft-ietf-hybi-thewebsocketprotocol-00 §5.3), in whatever pieces it comes.
///
/// Text between 0x00 and 0xFF becomes a text message. It is not gathered: what each piece holds of it is a fragment, and
/// so whoever reads the frames judges the message's length and UTF-8. The closing handshake, 0xFF 0x00, becomes a Close
/// without a code. All other frames of the draft are read and dropped, as it says.
public struct HixieDecoder: Sendable {
    private enum State {
        /// Between two frames.
        case type
        /// Text; a first fragment has gone or not.
        case text(hasBegun: Bool)
        /// A frame that ends with 0xFF, as text does, and is none.
        case discardingToEnd
        case length(type: UInt8, value: Int)
        case discarding(Int)
        /// Nothing that comes matters any more.
        case over
    }

    /// Bytes that a frame which is dropped may have.
    private let maximumDiscard: Int
    private var state = State.type
    private var discarded = 0

    /// - Parameter maximumDiscard: bytes of a frame that is dropped, past which the connection is closed with 1009; at
    ///   most 2 GiB.
    public init(maximumDiscard: Int) {
        self.maximumDiscard = min(max(maximumDiscard, 0), 1 << 31)
    }

    /// The closing handshake has begun, or the connection is given up: what still comes is ignored.
    public var isOver: Bool { if case .over = state { true } else { false } }

    /// From now on what comes is ignored.
    public mutating func stop() { state = .over }

    /// - Parameters:
    ///   - bytes: what came; any piece of the stream.
    ///   - maskKey: called once for each frame that is made.
    /// - Returns: whole frames, masked.
    public mutating func decode(_ bytes: ByteBuffer, maskKey: () -> MaskKey) -> ByteBuffer {
        var bytes = bytes
        var frames = ByteBuffer()
        while let next = bytes.readableBytesView.first {
            switch state {
            case .over:
                return frames
            case .type:
                bytes.moveReaderIndex(forwardBy: 1)
                begin(next)
            case .text(let hasBegun):
                let (text, isEnd) = Self.takeToEnd(&bytes)
                Self.write(text, hasBegun ? .continuation : .text, fin: isEnd, key: maskKey(), into: &frames)
                state = isEnd ? .type : .text(hasBegun: true)
            case .discardingToEnd:
                let (rest, isEnd) = Self.takeToEnd(&bytes)
                discarded &+= rest.readableBytes
                if isEnd { state = .type }
                if discarded > maximumDiscard { refuse(maskKey(), &frames) }
            case .length(let type, let value):
                bytes.moveReaderIndex(forwardBy: 1)
                lengthCame(next, type: type, value: value, maskKey: maskKey, &frames)
            case .discarding(let count):
                let step = min(count, bytes.readableBytes)
                bytes.moveReaderIndex(forwardBy: step)
                state = step == count ? .type : .discarding(count &- step)
            }
        }
        // Its beginning is seen at once, so that an end of the connection here is one inside a message.
        if case .text(hasBegun: false) = state {
            Self.write(ByteBuffer(), .text, fin: false, key: maskKey(), into: &frames)
            state = .text(hasBegun: true)
        }
        return frames
    }

    private mutating func begin(_ type: UInt8) {
        discarded = 0
        if type & 0x80 != 0 {
            state = .length(type: type, value: 0)
        } else {
            state = type == 0 ? .text(hasBegun: false) : .discardingToEnd
        }
    }

    /// Seven bits of a length, the highest ones first; the eighth says that more follow.
    private mutating func lengthCame(
        _ byte: UInt8, type: UInt8, value: Int, maskKey: () -> MaskKey, _ frames: inout ByteBuffer
    ) {
        let length = value &* 128 &+ Int(byte & 0x7F)
        if length > maximumDiscard {
            refuse(maskKey(), &frames)
        } else if byte & 0x80 != 0 {
            state = .length(type: type, value: length)
        } else if length == 0, type == 0xFF {
            Self.write(ByteBuffer(), .close, fin: true, key: maskKey(), into: &frames)
            state = .over
        } else {
            state = length == 0 ? .type : .discarding(length)
        }
    }

    private mutating func refuse(_ key: MaskKey, _ frames: inout ByteBuffer) {
        let close = ClosePayload(
            code: .messageTooBig, reason: "hixie-76 frame that is not text is over \(maximumDiscard) bytes")
        frames.writeImmutableBuffer(Self.closeFrame(close, key: key))
        state = .over
    }

    /// What there is up to the next 0xFF, which is taken as well.
    private static func takeToEnd(_ bytes: inout ByteBuffer) -> (ByteBuffer, isEnd: Bool) {
        let view = bytes.readableBytesView
        let end = view.firstIndex(of: 0xFF)
        let count = end.map { view.distance(from: view.startIndex, to: $0) } ?? view.count
        let part = bytes.readSlice(length: count) ?? ByteBuffer()
        if end != nil { bytes.moveReaderIndex(forwardBy: 1) }
        return (part, end != nil)
    }

    // MARK: Frames of RFC 6455

    /// A client's Close.
    public static func closeFrame(_ close: ClosePayload, key: MaskKey) -> ByteBuffer {
        var payload = ByteBuffer()
        close.encode(into: &payload)
        var frame = ByteBuffer()
        write(payload, .close, fin: true, key: key, into: &frame)
        return frame
    }

    /// A client's answer to a ping of that payload.
    public static func pongFrame(_ payload: ByteBuffer, key: MaskKey) -> ByteBuffer {
        var frame = ByteBuffer()
        write(payload, .pong, fin: true, key: key, into: &frame)
        return frame
    }

    private static func write(
        _ payload: ByteBuffer, _ opcode: Opcode, fin: Bool, key: MaskKey, into frames: inout ByteBuffer
    ) {
        FrameHeader(fin: fin, opcode: opcode, maskKey: key, payloadLength: payload.readableBytes).encode(into: &frames)
        let start = frames.readableBytes
        frames.writeImmutableBuffer(payload)
        frames.withUnsafeMutableReadableBytes { bytes in
            key.apply(to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), offset: 0)
        }
    }
}
