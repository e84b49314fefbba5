import NIOCore
import WebSocketCore

/// A message on its way from one form into another.
struct Transcoding {
    /// Most payload bytes gathered before they go on as a fragment.
    static let gatherLimit = 64 * 1024
    /// Room in front of the gathered payload for the header, which is known last.
    static let headroom = FrameHeader.maximumEncodedLength

    enum Phase {
        /// Payload of the message's frames.
        case payload
        /// The tail that ends a compressed message (RFC 7692 §7.2.2).
        case inflateTail
        /// The flush that ends a message being compressed (RFC 7692 §7.2.1).
        case deflateTail
    }

    let opcode: Opcode
    let inflates: Bool
    let deflates: Bool
    var phase = Phase.payload
    /// Inflated payload that is still to be compressed again.
    var plain = ByteBuffer()
    /// The payload of the frame to be sent next, behind `headroom` bytes.
    var gathered: ByteBuffer
    /// Bytes compressed since the last frame was made.
    var compressedSinceFrame = 0
    private var hasSentFrame = false
    /// Payload bytes of the frames made so far.
    private(set) var sent = 0

    init(opcode: Opcode, inflates: Bool, deflates: Bool, expecting size: Int) {
        self.opcode = opcode
        self.inflates = inflates
        self.deflates = deflates
        gathered = Transcoding.emptyFrame(capacity: size)
    }

    /// Most bytes that are compressed for one frame: what shrinks to little is sent as it is by then, so that a step
    /// comes to its end.
    static let frameWorkLimit = 1024 * 1024

    /// Whether what is gathered is to go on as a fragment.
    var frameIsDue: Bool { room <= 0 || compressedSinceFrame >= Self.frameWorkLimit }

    /// How many more bytes may be gathered.
    var room: Int { Transcoding.gatherLimit - gathered.readableBytes }

    /// Makes a frame of what is gathered, and begins a new one.
    mutating func takeFrame(fin: Bool, maskKey: MaskKey?) -> ByteBuffer {
        let header = FrameHeader(
            fin: fin, rsv1: deflates && !hasSentFrame, opcode: hasSentFrame ? .continuation : opcode,
            maskKey: maskKey, payloadLength: gathered.readableBytes)
        hasSentFrame = true
        compressedSinceFrame = 0
        sent &+= gathered.readableBytes
        if let maskKey {
            gathered.withUnsafeMutableReadableBytes { maskKey.apply(to: $0, offset: 0) }
        }
        let start = Transcoding.headroom - header.encodedLength
        let end = gathered.writerIndex
        gathered.moveReaderIndex(to: start)
        gathered.moveWriterIndex(to: start)
        header.encode(into: &gathered)
        gathered.moveWriterIndex(to: end)

        var frame = fin ? ByteBuffer() : Transcoding.emptyFrame(capacity: Transcoding.gatherLimit)
        swap(&frame, &gathered)
        return frame
    }

    private static func emptyFrame(capacity: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(headroom + min(max(capacity, 128), gatherLimit))
        buffer.moveWriterIndex(to: headroom)
        buffer.moveReaderIndex(to: headroom)
        return buffer
    }
}
