import NIOCore
import WebSocketCore

/// A message on its way from one form into another.
struct Transcoding {
    /// Payload bytes of a fragment that others follow. They leave once there is a byte for the next one: a message never
    /// ends with an empty fragment, which some receivers take for no message at all.
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
    private let expectedSize: Int

    /// - Parameters:
    ///   - size: bytes that the first frame may come to.
    ///   - waits: there is no room for it before ``begin()``, and perhaps never need of it.
    init(opcode: Opcode, inflates: Bool, deflates: Bool, expecting size: Int, waits: Bool = false) {
        self.opcode = opcode
        self.inflates = inflates
        self.deflates = deflates
        expectedSize = size
        gathered = waits ? ByteBuffer() : Transcoding.emptyFrame(capacity: size)
    }

    /// Makes room for the first frame, if there is none.
    mutating func begin() {
        if gathered.capacity == 0 { gathered = Transcoding.emptyFrame(capacity: expectedSize) }
    }

    /// Most bytes that are compressed for one frame: what shrinks to little is sent as it is by then, so that a step
    /// comes to its end.
    static let frameWorkLimit = 1024 * 1024

    /// Whether what is gathered is to go on as a fragment. Compressed data needs no byte behind it: the flush that ends a
    /// message is one at least. The compressor gives its first after some 4 MiB at most.
    var frameIsDue: Bool {
        room <= 0 || compressedSinceFrame >= Self.frameWorkLimit && gathered.readableBytes > 0
    }

    /// How many more bytes may be gathered: those of a fragment, and the one that says that another follows.
    var room: Int { Transcoding.gatherLimit + 1 - gathered.readableBytes }

    /// Makes a frame of what is gathered, and begins a new one with what is too much for a fragment that others follow.
    mutating func takeFrame(fin: Bool, maskKey: MaskKey?) -> ByteBuffer {
        let count = fin ? gathered.readableBytes : min(gathered.readableBytes, Transcoding.gatherLimit)
        let header = FrameHeader(
            fin: fin, rsv1: deflates && !hasSentFrame, opcode: hasSentFrame ? .continuation : opcode,
            maskKey: maskKey, payloadLength: count)
        hasSentFrame = true
        compressedSinceFrame = 0
        sent &+= count
        var frame = fin ? ByteBuffer() : Transcoding.emptyFrame(capacity: Transcoding.gatherLimit)
        let end = Transcoding.headroom + count
        if gathered.writerIndex > end {
            frame.writeBytes(gathered.readableBytesView.dropFirst(count))
        }
        if let maskKey {
            gathered.withUnsafeMutableReadableBytes {
                maskKey.apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]), offset: 0)
            }
        }
        let start = Transcoding.headroom - header.encodedLength
        gathered.moveReaderIndex(to: start)
        gathered.moveWriterIndex(to: start)
        header.encode(into: &gathered)
        gathered.moveWriterIndex(to: end)

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
