import HTTPTypes
import NIOCore

/// The content of a message that comes on a stream of HTTP/2, at the pace of its reader, and its end behind it.
struct HTTP2Content {
    enum Piece: Equatable {
        case bytes(ByteBuffer)
        case end(trailers: HTTPFields?)
    }

    /// Whether its reader takes content now. The end comes when nothing is left before it, whatever this says.
    var mayRead = true
    private var held = HeldBytes()
    private var end: Piece?

    /// Whether everything that came was handed on.
    var isEmpty: Bool { held.isEmpty && end == nil }

    /// Bytes came.
    ///
    /// - Returns: what of them is handed on at once; nil: they are held.
    mutating func add(_ bytes: ByteBuffer) -> ByteBuffer? {
        if mayRead, held.isEmpty { return bytes }
        held.add(bytes)
        return nil
    }

    /// It has come to its end.
    mutating func end(trailers: HTTPFields?) { end = .end(trailers: trailers) }

    /// What is handed on next; nil: nothing, for now.
    mutating func next() -> Piece? {
        guard held.isEmpty else { return mayRead ? held.next().map { .bytes($0) } : nil }
        return end.take()
    }

    /// Takes all that is held, for another reader.
    mutating func takeAll() -> ByteBuffer? { held.takeAll() }
}
