import GatewayConfig
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// The zlib state of one direction: taken when a message needs it, and given back when nothing has to be remembered.
struct ZlibStates: ~Copyable {
    private let pool: ZlibPool
    private let incoming: DirectionCompression.Half?
    private let outgoing: DirectionCompression.Half?
    private let memoryLevel: Int
    private var inflater: Inflater?
    private var deflater: Deflater?
    /// Room for the inflater is set aside, whether or not a message has needed it yet.
    private var hasPromise = false

    init(pool: ZlibPool, compression: DirectionCompression, settings: CompressionSettings) {
        self.pool = pool
        incoming = compression.incoming
        outgoing = compression.outgoing.map { half in
            .init(
                windowBits: min(half.windowBits, max(9, settings.windowBits)),
                takeover: half.takeover && settings.contextTakeover)
        }
        memoryLevel = settings.memoryLevel
        if let incoming, incoming.takeover {
            pool.promiseInflater(windowBits: incoming.windowBits)
            hasPromise = true
        }
    }

    /// Bytes of zlib state held.
    var memory: Int {
        var sum = 0
        if inflater != nil, let incoming { sum += Inflater.memory(windowBits: incoming.windowBits) }
        if deflater != nil, let outgoing {
            sum += Deflater.memory(windowBits: outgoing.windowBits, memoryLevel: memoryLevel)
        }
        return sum
    }

    /// Whether there is state that could be given back between messages.
    var holdsDeflater: Bool { deflater != nil }

    /// Makes sure that a compressed message can be read; tells why not.
    mutating func readyInflater() -> ProtocolViolation? {
        guard inflater == nil, let incoming else { return nil }
        do {
            inflater =
                incoming.takeover
                ? try Inflater(windowBits: incoming.windowBits)
                : try pool.takeInflater(windowBits: incoming.windowBits)
            return nil
        } catch {
            return ProtocolViolation(
                closeCode: .tryAgainLater, reason: "no memory to inflate with: \(error)")
        }
    }

    /// Makes sure that a message can be compressed; false: send it as it is, which is always allowed.
    mutating func readyDeflater() -> Bool {
        guard deflater == nil, let outgoing else { return deflater != nil }
        deflater = try? pool.takeDeflater(windowBits: outgoing.windowBits, memoryLevel: memoryLevel)
        return deflater != nil
    }

    /// Gives back what no later message refers to.
    mutating func messageEnded() {
        if let incoming, !incoming.takeover { releaseInflater() }
        if let outgoing, !outgoing.takeover { releaseDeflater() }
    }

    /// Gives the compressor back: it may forget its window between any two messages without telling the peer.
    mutating func releaseDeflater() {
        if let deflater = deflater.take() { pool.give(back: deflater) }
    }

    private mutating func releaseInflater() {
        guard let inflater = inflater.take(), !hasPromise else { return }
        pool.give(back: inflater)
    }

    mutating func releaseAll() {
        releaseDeflater()
        releaseInflater()
        if hasPromise, let incoming { pool.endPromise(windowBits: incoming.windowBits) }
        hasPromise = false
    }

    // MARK: Work on a message being rewritten

    mutating func inflate(_ piece: UnsafeRawBufferPointer, into work: inout Transcoding) throws -> Int {
        let limit = work.room
        let progress =
            work.deflates
            ? try inflater?.inflate(piece, into: &work.plain, limit: limit)
            : try inflater?.inflate(piece, into: &work.gathered, limit: limit)
        return progress?.consumed ?? piece.count
    }

    mutating func finishInflating(into work: inout Transcoding) throws -> Bool {
        let limit = work.room
        let isDone =
            work.deflates
            ? try inflater?.finishMessage(into: &work.plain, limit: limit)
            : try inflater?.finishMessage(into: &work.gathered, limit: limit)
        return isDone ?? true
    }

    mutating func deflate(_ piece: UnsafeRawBufferPointer, into work: inout Transcoding) throws -> Int {
        let limit = work.room
        return try deflater?.compress(piece, into: &work.gathered, limit: limit) ?? piece.count
    }

    mutating func deflatePlain(of work: inout Transcoding) throws {
        let limit = work.room
        var plain = ByteBuffer()
        swap(&plain, &work.plain)
        let used = try plain.withUnsafeReadableBytes { bytes in
            try deflater?.compress(bytes, into: &work.gathered, limit: limit) ?? bytes.count
        }
        work.compressedSinceFrame &+= used
        plain.moveReaderIndex(forwardBy: used)
        if plain.readableBytes == 0 { plain.clear() }
        swap(&plain, &work.plain)
    }

    mutating func finishDeflating(into work: inout Transcoding) throws -> Bool {
        let limit = work.room
        return try deflater?.finishMessage(into: &work.gathered, limit: limit) ?? true
    }

    // MARK: Looking into a message that goes on as it is

    mutating func inspect(_ piece: UnsafeRawBufferPointer, body: (UnsafeRawBufferPointer) -> Bool) throws {
        _ = try inflater?.inspect(piece, body: body)
    }

    mutating func finishInspecting(body: (UnsafeRawBufferPointer) -> Bool) throws {
        _ = try inflater?.finishInspecting(body: body)
    }
}
