internal import CZlib
public import NIOCore
import WebSocketCore

/// Frames that were compressed once for all the connections of an event loop that get the same message within a moment.
///
/// A message compressed with an empty window inflates at every receiver, whatever its own window holds, if that is as
/// large as the compressor's. So the frame can go to any connection that agreed on the same parameters; what its own
/// compressor has to do then is told at ``Deflater/follow(_:)``.
///
/// Of a message that is seen for the first time only its hash is kept. Once enough connections have sent it (see
/// ``SharedReceiver``) the message itself is kept with its frame, at most 64 of them and 1 MiB an event loop, for a
/// second. Messages are compared byte by byte before a frame is used again. What is kept counts in the account of
/// compression memory; the table of hashes (32 KiB while the loop has connections that use it) does not.
public final class SharedCompression {
    /// The longest message that is shared, in bytes: compressed, it fits one frame whatever it holds.
    public static let largestMessage = 32 * 1024
    /// For how long a message is remembered.
    public static let lifetime = TimeAmount.seconds(1)
    static let mostForms = 64
    static let mostBytes = 1024 * 1024
    private static let sightingCount = 1024

    /// What a connection's message is to others.
    enum Sight {
        /// Too few have sent it: compress it as any other.
        case alone
        /// Enough have: compress it with an empty window, and give the frame to ``keep(_:of:_:at:)``.
        case many(hash: UInt64)
        /// The frame, which is to be sent as it is.
        case shared(ByteBuffer)
    }

    /// That a message was sent.
    private struct Sighting {
        var hash: UInt64
        /// Of the last time.
        var at: NIODeadline
        /// Who sent it last.
        var receiver: UInt32
        /// How many times it was sent by another than the time before.
        var count: UInt16
        /// Where its frame may be.
        var form: UInt16
    }

    /// A class, as looking at one in an array would copy all of it.
    private final class Form {
        let hash: UInt64
        let scope: Scope
        let opcode: Opcode
        let message: ByteBuffer
        let frame: ByteBuffer
        let expires: NIODeadline

        init(
            hash: UInt64, scope: Scope, opcode: Opcode, message: UnsafeRawBufferPointer, frame: ByteBuffer,
            expires: NIODeadline
        ) {
            self.hash = hash
            self.scope = scope
            self.opcode = opcode
            self.message = ByteBuffer(bytes: message)
            self.frame = frame
            self.expires = expires
        }

        var bytes: Int { message.storageCapacity + frame.storageCapacity }
    }

    /// Whose frames are alike.
    struct Scope: Hashable {
        var route: String
        var windowBits: Int
        var memoryLevel: Int
        var level: Int
    }

    private let memory: CompressionMemory
    private var sightings: [Sighting] = []
    /// A ring: the oldest form is the first to expire.
    private var forms: [Form?] = []
    private var oldest = 0
    /// When the oldest one does.
    private var expiry = NIODeadline.distantFuture
    private(set) var formCount = 0
    private(set) var bytes = 0
    private var receivers = 0
    private var lastReceiver: UInt32 = 0

    init(memory: CompressionMemory) {
        self.memory = memory
    }

    deinit { memory.release(bytes) }

    func addReceiver() -> UInt32 {
        receivers += 1
        lastReceiver &+= 1
        return lastReceiver
    }

    /// The last one to go takes everything with it.
    func removeReceiver() {
        receivers -= 1
        guard receivers == 0 else { return }
        removeAll()
        sightings = []
        forms = []
    }

    /// Notes that a connection is about to send a message, and tells whether others have.
    ///
    /// - Parameters:
    ///   - seed: of the scope.
    ///   - enough: how many connections compress it for themselves first, ≥ 1.
    func sight(
        _ message: UnsafeRawBufferPointer, _ opcode: Opcode, scope: Scope, seed: UInt64, receiver: UInt32, enough: Int,
        now: NIODeadline
    ) -> Sight {
        removeExpired(now: now)
        if sightings.isEmpty { makeTables() }
        let hash = PayloadHash.of(message, seed: seed ^ UInt64(opcode.rawValue))
        let place = Int(truncatingIfNeeded: hash) & (Self.sightingCount &- 1)
        let sighting = sightings[place]
        guard sighting.hash == hash, now - sighting.at < Self.lifetime else {
            sightings[place] = Sighting(
                hash: hash, at: now, receiver: receiver, count: 1, form: UInt16(Self.mostForms))
            return .alone
        }
        sightings[place].at = now
        let index = Int(sighting.form)
        if index < Self.mostForms, let form = forms[index], form.hash == hash {
            guard form.opcode == opcode, form.scope == scope, Self.equal(form.message, message) else { return .alone }
            return .shared(form.frame)
        }
        // What one connection says again and again is best told by its own window.
        guard sighting.receiver != receiver else { return .alone }
        sightings[place].receiver = receiver
        guard Int(sighting.count) < enough else { return .many(hash: hash) }
        sightings[place].count = sighting.count &+ 1
        return .alone
    }

    /// Keeps a frame for the connections that follow, if there is memory for it.
    func keep(
        _ frame: ByteBuffer, of message: UnsafeRawBufferPointer, _ opcode: Opcode, scope: Scope, hash: UInt64,
        now: NIODeadline
    ) {
        let place = Int(truncatingIfNeeded: hash) & (Self.sightingCount &- 1)
        guard !sightings.isEmpty, sightings[place].hash == hash else { return }
        let form = Form(
            hash: hash, scope: scope, opcode: opcode, message: message, frame: frame,
            expires: now + Self.lifetime)
        while formCount == Self.mostForms || formCount > 0 && bytes + form.bytes > Self.mostBytes { removeOldest() }
        guard memory.reserve(form.bytes) else { return }
        let index = (oldest + formCount) % Self.mostForms
        forms[index] = form
        formCount += 1
        if formCount == 1 { expiry = form.expires }
        bytes += form.bytes
        sightings[place].form = UInt16(index)
    }

    /// Forgets the messages whose time is over. Whoever sends one has that done anyway; where nobody does, they would stay.
    func removeExpired(now: NIODeadline) {
        while now >= expiry { removeOldest() }
    }

    /// Forgets all messages.
    func removeAll() {
        while formCount > 0 { removeOldest() }
    }

    private func makeTables() {
        let none = Sighting(
            hash: 0, at: .uptimeNanoseconds(0), receiver: 0, count: 0, form: UInt16(Self.mostForms))
        sightings = Array(repeating: none, count: Self.sightingCount)
        forms = Array(repeating: nil, count: Self.mostForms)
    }

    private func removeOldest() {
        if let form = forms[oldest] {
            bytes -= form.bytes
            memory.release(form.bytes)
        }
        forms[oldest] = nil
        oldest = (oldest + 1) % Self.mostForms
        formCount -= 1
        expiry = forms.isEmpty ? .distantFuture : forms[oldest]?.expires ?? .distantFuture
    }

    private static func equal(_ kept: ByteBuffer, _ message: UnsafeRawBufferPointer) -> Bool {
        kept.withUnsafeReadableBytes { kept in
            guard kept.count == message.count else { return false }
            guard let left = kept.baseAddress, let right = message.baseAddress else { return true }
            return memcmp(left, right, kept.count) == 0
        }
    }
}
