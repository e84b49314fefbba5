public import NIOCore
public import WebSocketCore

/// A connection whose messages others may get as well; they share what was compressed (``SharedCompression``).
///
/// Connections share within a route, and with the same parameters. A message compressed with an empty window is longer
/// than one that refers to those before it, the more so the shorter it is. So with context takeover the first
/// connections compress for themselves until they have done so for 4 KiB together, at most 16 of them and one at least:
/// the members of a small room lose nothing, and a message to a thousand is compressed a few times at most.
public final class SharedReceiver {
    private static let ownWork = 4 * 1024
    private static let mostOwn = 16

    private let cache: SharedCompression
    private let scope: SharedCompression.Scope
    private let seed: UInt64
    private let takeover: Bool
    private let number: UInt32
    /// The time of the last message; a moment that lies before that of another connection is taken as it is.
    public var now = NIODeadline.uptimeNanoseconds(0)

    init(cache: SharedCompression, scope: SharedCompression.Scope, takeover: Bool) {
        self.cache = cache
        self.scope = scope
        self.takeover = takeover
        seed = UInt64(bitPattern: Int64(scope.hashValue))
        number = cache.addReceiver()
    }

    deinit { cache.removeReceiver() }

    /// The frame to send for a message, which is whole; nil: this connection is to compress it by itself.
    ///
    /// - Parameter make: compresses the message with an empty window, into a whole frame; nil when it can't.
    public func frame(
        of message: UnsafeRawBufferPointer, _ opcode: Opcode, make: () -> ByteBuffer?
    ) -> ByteBuffer? {
        let enough = takeover ? min(max(Self.ownWork / max(message.count, 1), 1), Self.mostOwn) : 1
        switch cache.sight(
            message, opcode, scope: scope, seed: seed, receiver: number, enough: enough, now: now)
        {
        case .alone:
            return nil
        case .shared(let frame):
            return frame
        case .many(let hash):
            guard let made = make() else { return nil }
            // A copy takes the memory that it needs, and no more.
            let frame = ByteBuffer(bytes: made.readableBytesView)
            cache.keep(frame, of: message, opcode, scope: scope, hash: hash, now: now)
            return frame
        }
    }
}
