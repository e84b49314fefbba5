import NIOCore

/// Bytes that came on a stream of HTTP/2 and are not wanted yet. The window of the stream is not given back meanwhile, so
/// that there are never more than that.
struct HeldBytes {
    /// What is held is given in pieces of this size, as a read from a socket would be.
    static let pieceSize = 64 * 1024

    private var bytes: ByteBuffer?

    init(_ bytes: ByteBuffer? = nil) {
        self.bytes = bytes
    }

    var isEmpty: Bool { bytes == nil }
    /// What is allocated for them.
    var storageBytes: Int { bytes?.storageCapacity ?? 0 }

    mutating func add(_ more: ByteBuffer) {
        guard more.readableBytes > 0 else { return }
        if var held = bytes.take() {
            // A reader that is always a little behind would have all that ever came kept.
            if held.readerIndex > held.readableBytes { held.discardReadBytes() }
            held.writeImmutableBuffer(more)
            bytes = held
        } else {
            // A copy, as the chunk lies in memory that all sockets of the loop share.
            bytes = ByteBuffer(bytes: more.readableBytesView)
        }
    }

    /// Takes the next piece; nil: there is none.
    mutating func next() -> ByteBuffer? {
        guard var held = bytes.take() else { return nil }
        guard held.readableBytes > Self.pieceSize, let piece = held.readSlice(length: Self.pieceSize) else {
            return held
        }
        bytes = held
        return piece
    }

    /// Takes all of it at once.
    mutating func takeAll() -> ByteBuffer? { bytes.take() }
}

extension ByteBuffer {
    /// The same bytes for whoever keeps them beyond the read that has brought them: a copy, unless they are most of the
    /// memory that would be kept with them.
    var kept: ByteBuffer {
        readableBytes > storageCapacity / 2 ? self : ByteBuffer(bytes: readableBytesView)
    }
}
