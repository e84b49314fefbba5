public import NIOCore

/// Makes the frames that a server would have sent (RFC 6455 §5.2) of what a command writes to its standard output, in
/// whatever pieces it comes.
///
/// No message is gathered whole: past 64 KiB its pieces go on as fragments, and so whoever reads the frames judges the
/// message's length and UTF-8. Each call gives whole frames.
public struct CommandOutputDecoder: Sendable {
    private let framing: CommandFraming
    /// Of the message that has begun, what no fragment has had yet.
    private var gathered = ByteBuffer()
    /// Whether a fragment of it has gone.
    private var hasBegun = false
    /// With lengths: the bytes of one that have come, and how many of its message are missing.
    private var length = (bytes: 0, value: 0)
    private var missing: Int?

    public init(framing: CommandFraming) { self.framing = framing }

    /// Whether nothing of a message has come that is still to be completed.
    public var isAtBoundary: Bool {
        gathered.readableBytes == 0 && !hasBegun && length.bytes == 0 && missing == nil
    }

    /// Bytes that wait for the rest of their message.
    public var heldBytes: Int { gathered.readableBytes }

    /// - Parameter bytes: what came; any piece of the output.
    public mutating func decode(_ bytes: ByteBuffer) -> ByteBuffer {
        var bytes = bytes
        var frames = ByteBuffer()
        while bytes.readableBytes > 0 {
            switch framing {
            case .line: takeLine(&bytes, &frames)
            case .binary: takeMessage(&bytes, &frames)
            }
        }
        return frames
    }

    /// The output has ended. A last line without its end is a message as well; a message that is shorter than its length
    /// is none, and ``isAtBoundary`` stays false.
    public mutating func finish() -> ByteBuffer {
        var frames = ByteBuffer()
        guard framing == .line, !isAtBoundary else { return frames }
        emit(.endOfOutput, &frames)
        return frames
    }

    private mutating func takeLine(_ bytes: inout ByteBuffer, _ frames: inout ByteBuffer) {
        let view = bytes.readableBytesView
        let end = view.firstIndex(of: UInt8(ascii: "\n"))
        let count = end.map { view.distance(from: view.startIndex, to: $0) } ?? view.count
        guard var part = bytes.readSlice(length: count) else { return }
        gathered.writeBuffer(&part)
        if end != nil {
            bytes.moveReaderIndex(forwardBy: 1)
            emit(.end, &frames)
        } else if gathered.readableBytes > CommandFraming.gathered {
            emit(.middle, &frames)
        }
    }

    private mutating func takeMessage(_ bytes: inout ByteBuffer, _ frames: inout ByteBuffer) {
        guard let missing else {
            guard let byte = bytes.readInteger(as: UInt8.self) else { return }
            length = (length.bytes + 1, length.value << 8 | Int(byte))
            guard length.bytes == 4 else { return }
            self.missing = length.value
            if length.value == 0 { emit(.end, &frames) }
            return
        }
        let count = min(missing, bytes.readableBytes)
        guard var part = bytes.readSlice(length: count) else { return }
        gathered.writeBuffer(&part)
        self.missing = missing - count
        if missing == count {
            emit(.end, &frames)
        } else if gathered.readableBytes > CommandFraming.gathered {
            emit(.middle, &frames)
        }
    }

    private enum Place { case middle, end, endOfOutput }

    private mutating func emit(_ place: Place, _ frames: inout ByteBuffer) {
        let count = gathered.readableBytes
        // The end of a line may have two bytes, and the second may not have come yet.
        let leavesReturn =
            framing == .line && place != .endOfOutput && gathered.readableBytesView.last == UInt8(ascii: "\r")
        let opcode: Opcode = hasBegun ? .continuation : framing == .line ? .text : .binary
        let payload = gathered.readSlice(length: leavesReturn ? count - 1 : count) ?? ByteBuffer()
        let isEnd = place != .middle
        FrameHeader(fin: isEnd, opcode: opcode, payloadLength: payload.readableBytes).encode(into: &frames)
        frames.writeImmutableBuffer(payload)
        gathered.clear(minimumCapacity: 0)
        hasBegun = !isEnd
        if isEnd {
            length = (0, 0)
            missing = nil
        } else if leavesReturn {
            gathered.writeInteger(UInt8(ascii: "\r"))
        }
    }

    // MARK: Control frames

    /// A server's Close.
    public static func closeFrame(_ close: ClosePayload) -> ByteBuffer {
        var payload = ByteBuffer()
        close.encode(into: &payload)
        return frame(.close, payload)
    }

    /// A server's answer to a ping of that payload.
    public static func pongFrame(_ payload: ByteBuffer) -> ByteBuffer { frame(.pong, payload) }

    private static func frame(_ opcode: Opcode, _ payload: ByteBuffer) -> ByteBuffer {
        var frame = ByteBuffer()
        FrameHeader(fin: true, opcode: opcode, payloadLength: payload.readableBytes).encode(into: &frame)
        frame.writeImmutableBuffer(payload)
        return frame
    }
}
