import NIOCore
import WebSocketCore

/// What a direction has begun and not finished: input that waits, the frame and the message whose payload is arriving.
///
/// Most reads end where a frame does. So it lies apart from the direction, and an idle session has none.
final class UnfinishedInput {
    /// What is to be read next.
    var input: ByteBuffer?
    /// `input` is the beginning of a header or control frame, and can't be read further yet.
    var inputIsCut = false
    /// What arrived behind `input`; empty where there is none.
    var waiting: [ByteBuffer] = []
    /// What the last scan stopped at.
    var deferred: ScanEvent?

    /// The data frame whose payload is arriving, and how much of it has been dealt with.
    var frame: FrameHeader?
    var framePosition = 0
    /// The data message that is arriving.
    var message: MessageInFlight?

    var isEmpty: Bool { input == nil && deferred == nil && frame == nil && message == nil }

    /// Copies what is held where it is a small part of the memory that it lies in: a read's bytes are in a buffer that all
    /// sockets of an event loop share, and all of that would be held.
    func letGoOfSharedMemory() {
        input = input.map(Self.compact)
        if !waiting.isEmpty { waiting = waiting.map(Self.compact) }
    }

    private static func compact(_ bytes: ByteBuffer) -> ByteBuffer {
        guard bytes.storageCapacity / 2 > max(bytes.readableBytes, 1024) else { return bytes }
        return ByteBuffer(bytes: bytes.readableBytesView)
    }

    /// Takes the place of `input` when that is used up.
    func takeWaiting() { input = waiting.isEmpty ? nil : waiting.removeFirst() }
}
