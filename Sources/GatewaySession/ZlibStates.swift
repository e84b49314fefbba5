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
    private let level: Int
    private var inflater: Inflater?
    private var deflater: Deflater?
    /// Room for the inflater is set aside, whether or not a message has needed it yet.
    private var hasPromise = false
    /// Present where what is compressed may go to other connections as well.
    private var receiver: SharedReceiver?
    /// Bytes of shared messages that the compressor has followed since it compressed one itself.
    private var followed = 0

    /// - Parameter route: connections of this name share what they compress; nil: this one shares nothing.
    init(
        pool: ZlibPool, compression: DirectionCompression, settings: CompressionSettings, route: String? = nil
    ) {
        self.pool = pool
        incoming = compression.incoming
        outgoing = compression.outgoing.map { half in
            .init(
                windowBits: min(half.windowBits, max(9, settings.windowBits)),
                takeover: half.takeover && settings.contextTakeover)
        }
        memoryLevel = settings.memoryLevel
        level = settings.level
        if let route, let outgoing, incoming == nil {
            receiver = pool.receiver(
                route: route, windowBits: outgoing.windowBits, memoryLevel: memoryLevel, level: level,
                takeover: outgoing.takeover)
        }
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
                closeCode: .tryAgainLater, reason: "the gateway has no memory to inflate the message: \(error)")
        }
    }

    /// Makes sure that a message can be compressed; false: send it as it is, which is always allowed.
    mutating func readyDeflater() -> Bool {
        guard deflater == nil, let outgoing else { return deflater != nil }
        deflater = try? pool.takeDeflater(
            windowBits: outgoing.windowBits, memoryLevel: memoryLevel, level: level)
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
        receiver = nil
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
        followed = 0
        return try deflater?.finishMessage(into: &work.gathered, limit: limit) ?? true
    }

    // MARK: Messages that many connections get

    /// A compressor follows shared messages for so many windows, and is given up then: its connection gets no others,
    /// it seems, and nothing but those is left in the window.
    private static var windowsToFollow: Int { 4 }

    /// Whether messages may be shared at all.
    var shares: Bool { receiver != nil }

    /// Notes the time of what arrives.
    func received(now: NIODeadline) { receiver?.now = now }

    /// The frame of a whole message that others get too; nil: it is to be compressed as any other.
    mutating func sharedFrame(of message: UnsafeRawBufferPointer, opcode: Opcode) -> ByteBuffer? {
        guard let receiver, let frame = receiver.frame(of: message, opcode, make: { makeFrame(of: message, opcode) })
        else { return nil }
        follow(message)
        return frame
    }

    /// A message in one frame, compressed with an empty window.
    private func makeFrame(of message: UnsafeRawBufferPointer, _ opcode: Opcode) -> ByteBuffer? {
        guard let outgoing else { return nil }
        do {
            var deflater = try pool.takeDeflater(
                windowBits: outgoing.windowBits, memoryLevel: memoryLevel, level: level)
            var work = Transcoding(opcode: opcode, inflates: false, deflates: true, expecting: message.count)
            let used = try deflater.compress(message, into: &work.gathered, limit: Transcoding.gatherLimit)
            let room = Transcoding.gatherLimit - work.gathered.readableBytes
            guard used == message.count, try deflater.finishMessage(into: &work.gathered, limit: room) else {
                return nil
            }
            pool.give(back: deflater)
            return work.takeFrame(fin: true, maskKey: nil)
        } catch {
            return nil
        }
    }

    /// Keeps the compressor's window what the peer's is, when the peer has got a message that another compressed.
    private mutating func follow(_ message: UnsafeRawBufferPointer) {
        // Without context takeover it is given back as the message ends.
        guard let outgoing, outgoing.takeover, deflater != nil else { return }
        let window = 1 << outgoing.windowBits
        followed += min(message.count, window)
        do {
            guard deflater?.isFresh == false, followed < Self.windowsToFollow * window else {
                return releaseDeflater()
            }
            try deflater?.follow(message)
        } catch {
            releaseDeflater()
        }
    }

    // MARK: Looking into a message that goes on as it is

    mutating func inspect(_ piece: UnsafeRawBufferPointer, body: (UnsafeRawBufferPointer) -> Bool) throws {
        _ = try inflater?.inspect(piece, body: body)
    }

    mutating func finishInspecting(body: (UnsafeRawBufferPointer) -> Bool) throws {
        _ = try inflater?.finishInspecting(body: body)
    }
}
