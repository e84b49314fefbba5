public import NIOCore

/// Idle zlib streams of one event loop, reset and ready, so that a connection without context takeover needs a stream
/// only while a message passes, and gets it without allocation.
///
/// The pool keeps the account: a stream counts in `memory` from when it is made until it is freed, whether a connection
/// has it, the pool has it, or a connection dropped it without giving it back.
public final class ZlibPool {
    private let memory: CompressionMemory
    private let maximumIdle: Int
    /// Few kinds at any time: looking through them takes less than a hash of one.
    private var idle: [(kind: ZlibStream.Kind, streams: [ZlibStream])] = []
    /// What connections of this event loop compress once for all of them.
    let shared: SharedCompression

    /// - Parameter maximumIdle: most streams kept of each set of parameters.
    public init(memory: CompressionMemory, maximumIdle: Int = 4) {
        self.memory = memory
        self.maximumIdle = maximumIdle
        shared = SharedCompression(memory: memory)
    }

    /// An idle compressor, or a new one.
    ///
    /// - Throws: `ZlibError.overMemoryLimit` when the account has no room for a new one (the message can go
    ///   uncompressed), and as ``Deflater/init(windowBits:memoryLevel:level:)``.
    public func takeDeflater(windowBits: Int, memoryLevel: Int, level: Int = 6) throws(ZlibError) -> Deflater {
        let kind = ZlibStream.Kind.deflate(windowBits: windowBits, memoryLevel: memoryLevel, level: level)
        if let stream = takeIdle(kind) { return Deflater(reusing: stream) }
        do {
            return try Deflater(windowBits: windowBits, memoryLevel: memoryLevel, level: level, account: memory)
        } catch .overMemoryLimit where !idle.isEmpty {
            // What lies idle with other parameters may be what is in the way.
            trim()
            return try Deflater(windowBits: windowBits, memoryLevel: memoryLevel, level: level, account: memory)
        }
    }

    /// An idle decompressor, or a new one, for one message of a connection that keeps none.
    ///
    /// - Throws: `ZlibError.overMemoryLimit` when the account has no room for a new one, and as
    ///   ``Inflater/init(windowBits:)``.
    public func takeInflater(windowBits: Int) throws(ZlibError) -> Inflater {
        if let stream = takeIdle(.inflate(windowBits: windowBits)) { return Inflater(reusing: stream) }
        do {
            return try Inflater(windowBits: windowBits, account: memory)
        } catch .overMemoryLimit where !idle.isEmpty {
            trim()
            return try Inflater(windowBits: windowBits, account: memory)
        }
    }

    /// Counts a decompressor that a connection will keep between messages, before it needs one: a peer that was told it
    /// may refer to earlier messages can't be told otherwise later. Past the limit too, so ask ``CompressionMemory``
    /// first. The stream itself is ``Inflater/init(windowBits:)``, which counts nothing.
    public func promiseInflater(windowBits: Int) {
        memory.take(Inflater.memory(windowBits: windowBits))
    }

    /// The connection is over.
    public func endPromise(windowBits: Int) {
        memory.release(Inflater.memory(windowBits: windowBits))
    }

    /// Resets a compressor and keeps it, or frees it when there are enough.
    public func give(back deflater: consuming Deflater) {
        keep(deflater.stream)
    }

    /// Resets a decompressor and keeps it, or frees it when there are enough.
    public func give(back inflater: consuming Inflater) {
        keep(inflater.stream)
    }

    /// A connection that shares what is compressed with others of the same route and parameters.
    ///
    /// - Parameter takeover: whether its compressor remembers earlier messages.
    public func receiver(
        route: String, windowBits: Int, memoryLevel: Int, level: Int, takeover: Bool
    ) -> SharedReceiver {
        let scope = SharedCompression.Scope(
            route: route, windowBits: windowBits, memoryLevel: memoryLevel, level: level)
        return SharedReceiver(cache: shared, scope: scope, takeover: takeover)
    }

    /// Frees all idle streams, and forgets what is shared.
    public func trim() {
        idle.removeAll()
        shared.removeAll()
    }

    /// Forgets what is shared and has had its time: to be called now and then, as nothing else does when all is quiet.
    public func forgetExpired(now: NIODeadline) { shared.removeExpired(now: now) }

    private func takeIdle(_ kind: ZlibStream.Kind) -> ZlibStream? {
        guard let index = idle.firstIndex(where: { $0.kind == kind }) else { return nil }
        return idle[index].streams.popLast()
    }

    private func keep(_ stream: ZlibStream) {
        guard memory.used <= memory.limit else { return }
        guard let index = idle.firstIndex(where: { $0.kind == stream.kind }) else {
            stream.reset()
            idle.append((stream.kind, [stream]))
            return
        }
        guard idle[index].streams.count < maximumIdle else { return }
        stream.reset()
        idle[index].streams.append(stream)
    }
}
