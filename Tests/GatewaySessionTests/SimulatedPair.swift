import GatewayConfig
import GatewaySession
import NIOCore
import PerMessageDeflate
import TestSupport
import Testing
import WebSocketCore

/// Counts, so that a frame of the gateway's own can be told from any other.
final class CountingMaskKeys: MaskKeySource {
    private var count: UInt32 = 0

    func nextMaskKey() -> MaskKey {
        count &+= 0x0102_0304
        return MaskKey(raw: count)
    }
}

/// How bytes on their way to the gateway are cut into reads.
enum Split: Sendable, CustomTestStringConvertible {
    case whole, bytes
    case random(seed: UInt64)

    static let all: [Split] = [.whole, .bytes, .random(seed: 1), .random(seed: 2)]

    var testDescription: String {
        switch self {
        case .whole: "whole"
        case .bytes: "byte by byte"
        case .random(let seed): "at random, seed \(seed)"
        }
    }
}

/// Two simulated peers joined through a session, with a clock that only the test moves.
final class SimulatedPair {
    /// What lies between the gateway and a peer.
    struct Link {
        /// Whether what the gateway writes waits for `release`.
        var isHeld = false
        var pending: [UInt8] = []
        var isWritable = true
        var gatewayEnded = false
        var gatewayBrokeOff = false
        var gatewayDropped = false
        var peerEndDelivered = false
        var isLost = false
        /// What a drop of the leg kept from the peer.
        var lostBytes = 0
        var bytesRead = 0
        var bytesWritten = 0
        /// Each write, as the gateway made it.
        var writes: [[UInt8]] = []
    }

    static let highWatermark = 64 * 1024
    static let lowWatermark = 32 * 1024

    let client: SimulatedPeer
    let server: SimulatedPeer
    let memory: CompressionMemory
    let pool: ZlibPool
    private(set) var session: GatewaySession
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private(set) var outcome: SessionOutcome?
    private var ownProblems: [String] = []
    private let extensions: SessionExtensions
    private(set) var traffic = (fromClient: DirectionTraffic(), fromServer: DirectionTraffic())
    private(set) var wakeAt = NIODeadline.distantFuture
    var clientLink = Link()
    var serverLink = Link()
    /// Reads that the transport makes although the session asked for none, as TLS does with what one record held.
    var overreads = 0
    /// Until `start` the session is told what comes, and asked for nothing: one of its legs is still on its way.
    private var isStarted: Bool
    private var reads = 0
    private var split: Split
    private var cuts: SeededGenerator

    init(
        settings: SessionSettings = .quiet, extensions: SessionExtensions = .none, split: Split = .whole,
        memoryLimit: Int = 1 << 30, startsLater: Bool = false, pool shared: ZlibPool? = nil, route: String? = nil
    ) {
        isStarted = !startsLater
        self.extensions = extensions
        client = SimulatedPeer(.client, compression: extensions.client)
        server = SimulatedPeer(.server, compression: extensions.server)
        memory = CompressionMemory(limit: memoryLimit)
        pool = shared ?? ZlibPool(memory: memory)
        session = GatewaySession(
            rules: SessionRules(settings), extensions: extensions, zlib: pool, maskKeys: CountingMaskKeys(),
            route: route,
            now: now)
        self.split = split
        if case .random(let seed) = split {
            cuts = SeededGenerator(seed: seed)
        } else {
            cuts = SeededGenerator(seed: 0)
        }
        schedule()
    }

    func start() {
        isStarted = true
        pump()
    }

    func peer(_ leg: Leg) -> SimulatedPeer { leg == .client ? client : server }

    subscript(leg: Leg) -> Link {
        _read { if leg == .client { yield clientLink } else { yield serverLink } }
        _modify { if leg == .client { yield &clientLink } else { yield &serverLink } }
    }

    var isFinished: Bool { outcome != nil }
    var zlibMemory: Int { session.zlibMemory }
    var nextDeadline: NIODeadline { session.nextDeadline }
    func heldBytes(from leg: Leg) -> Int { session.heldBytes(from: leg) }
    func wantsRead(_ leg: Leg) -> Bool { session.wantsRead(from: leg) }

    // MARK: Moving bytes

    /// Moves everything that can move, until nothing does.
    func run() {
        var moved = true
        while moved {
            moved = false
            for leg in Leg.allCases {
                while deliver(from: leg) { moved = true }
            }
        }
    }

    /// One read of what a peer has sent, if the session wants it; or the end of it.
    @discardableResult
    func deliver(from leg: Leg) -> Bool {
        let peer = peer(leg)
        guard !self[leg].gatewayDropped, !self[leg].isLost, session.wantsRead(from: leg) else { return false }
        guard peer.outboxHead < peer.outbox.count else {
            guard peer.ends, !self[leg].peerEndDelivered else { return false }
            self[leg].peerEndDelivered = true
            session.receivedEnd(from: leg)
            pump()
            loseWhenBothEnded(leg)
            pump()
            return true
        }
        for _ in 0...overreads where peer.outboxHead < peer.outbox.count && !self[leg].gatewayDropped {
            let bytes = nextRead(of: peer)
            self[leg].bytesRead += bytes.readableBytes
            receive(bytes, from: leg)
            pump()
        }
        return true
    }

    /// One read in two by the way that most messages go, the first among them; the other through the queue of actions.
    private func receive(_ bytes: ByteBuffer, from leg: Leg) {
        reads += 1
        if !isStarted || reads % 2 == 0 {
            session.receive(bytes, from: leg, now: now)
        } else if session.relays(bytes, from: leg, now: now) {
            perform(.write(bytes, to: leg.other))
        }
    }

    private func nextRead(of peer: SimulatedPeer) -> ByteBuffer {
        let left = peer.outbox.count - peer.outboxHead
        let count =
            switch split {
            case .whole: left
            case .bytes: 1
            case .random:
                min(
                    left, cuts.chance(50) ? Int.random(in: 1...8, using: &cuts) : Int.random(in: 1...4096, using: &cuts)
                )
            }
        let piece = peer.outbox[peer.outboxHead..<(peer.outboxHead + count)]
        peer.outboxHead += count
        if peer.outboxHead == peer.outbox.count {
            peer.outbox.removeAll(keepingCapacity: true)
            peer.outboxHead = 0
        }
        // A reader index other than 0, as a transport's buffers have.
        var buffer = ByteBuffer(bytes: [0xEE, 0xEE, 0xEE])
        buffer.writeBytes(piece)
        buffer.moveReaderIndex(forwardBy: 3)
        return buffer
    }

    /// Lets so many of the bytes that a held link keeps reach the peer.
    func release(_ leg: Leg, _ count: Int = .max) {
        let bytes = Array(self[leg].pending.prefix(count))
        self[leg].pending.removeFirst(bytes.count)
        if !bytes.isEmpty { peer(leg).receive(bytes) }
        if self[leg].pending.isEmpty {
            tellEnd(leg)
            loseWhenBothEnded(leg)
            pump()
        }
        if !self[leg].isWritable, self[leg].pending.count <= Self.lowWatermark, !self[leg].gatewayDropped {
            setWritable(leg, true)
        }
    }

    func setWritable(_ leg: Leg, _ isWritable: Bool) {
        self[leg].isWritable = isWritable
        session.writabilityChanged(leg, isWritable: isWritable, now: now)
        pump()
    }

    /// The leg's transport breaks: what the peer has sent and the gateway not read is lost, and so is what it wrote.
    func reset(_ leg: Leg) {
        guard !self[leg].isLost, !self[leg].gatewayDropped else { return }
        self[leg].isLost = true
        session.lost(leg)
        pump()
    }

    func close(_ code: UInt16, _ reason: String = "", grace: TimeAmount = .seconds(10)) {
        session.close(ClosePayload(code: CloseCode(rawValue: code), reason: reason), grace: grace, now: now)
        pump()
    }

    // MARK: Time

    /// Lets time pass, stopping at every deadline on the way, and moves what can move.
    func advance(by amount: TimeAmount) {
        let target = now + amount
        while !isFinished, wakeAt <= target {
            now = max(now, wakeAt)
            wakeAt = .distantFuture
            session.timeReached(now: now, bytesWait: Leg.allCases.contains { !self[$0].pending.isEmpty })
            pump()
            if !isFinished, session.nextDeadline <= now {
                ownProblems.append("the next deadline has passed already, which would wake the gateway for nothing")
                break
            }
            schedule()
            run()
        }
        now = max(now, target)
    }

    /// As the driver does it: only what is nearer than the wake-up there is makes a new one.
    private func schedule() {
        if session.nextDeadline < wakeAt { wakeAt = session.nextDeadline }
    }

    // MARK: Carrying out actions

    private func pump() {
        guard isStarted else { return }
        while let action = session.nextAction(now: now) { perform(action) }
        traffic.fromClient.add(session.takeTraffic(from: .client))
        traffic.fromServer.add(session.takeTraffic(from: .server))
        if session.takeDeadlineIsNew() { schedule() }
    }

    private func perform(_ action: SessionAction) {
        if isFinished { ownProblems.append("an action came after the last: \(action)") }
        switch action {
        case .write(let buffer, let leg), .writeClose(let buffer, let leg):
            write(Array(buffer.readableBytesView), to: leg)
        case .end(let leg):
            if self[leg].gatewayEnded || self[leg].gatewayDropped { ownProblems.append("\(leg) was ended twice") }
            self[leg].gatewayEnded = true
            tellEnd(leg)
            loseWhenBothEnded(leg)
        case .breakOff(let leg):
            if self[leg].gatewayEnded || self[leg].gatewayBrokeOff || self[leg].gatewayDropped {
                ownProblems.append("\(leg) was broken off after its end")
            }
            self[leg].gatewayBrokeOff = true
            tellEnd(leg)
            loseWhenBothEnded(leg)
        case .drop(let leg):
            if self[leg].gatewayDropped { ownProblems.append("\(leg) was dropped twice") }
            self[leg].gatewayDropped = true
            self[leg].lostBytes = self[leg].pending.count
            self[leg].pending = []
            tellEnd(leg)
            if !self[leg].isLost {
                self[leg].isLost = true
                session.lost(leg, inOrder: true)
            }
        case .finished(let outcome):
            if !clientLink.gatewayDropped || !serverLink.gatewayDropped {
                ownProblems.append("finished with a leg open")
            }
            self.outcome = outcome
        }
    }

    private func write(_ bytes: [UInt8], to leg: Leg) {
        if bytes.isEmpty { ownProblems.append("an empty write to the \(leg)") }
        if self[leg].gatewayEnded || self[leg].gatewayBrokeOff || self[leg].gatewayDropped {
            ownProblems.append("a write to the \(leg) after its end")
        }
        // Only a Close may be written past the high watermark.
        if !self[leg].isWritable, bytes.count > 131 || bytes[0] & 0xF != SimulatedFrame.close {
            ownProblems.append("\(bytes.count) bytes written to the \(leg), which is not writable")
        }
        self[leg].writes.append(bytes)
        self[leg].bytesWritten += bytes.count
        guard !self[leg].isLost else { return }
        guard self[leg].isHeld else { return peer(leg).receive(bytes) }
        self[leg].pending += bytes
        if self[leg].isWritable, self[leg].pending.count > Self.highWatermark {
            self[leg].isWritable = false
            session.writabilityChanged(leg, isWritable: false, now: now)
        }
    }

    private func tellEnd(_ leg: Leg) {
        guard self[leg].pending.isEmpty, !self[leg].isLost || self[leg].gatewayDropped else { return }
        guard peer(leg).end == nil else { return }
        // To the peer a drop behind an end in order is no different from that end.
        if self[leg].gatewayEnded, self[leg].lostBytes == 0 {
            peer(leg).receive(end: .end)
        } else if self[leg].gatewayBrokeOff || self[leg].gatewayDropped {
            if self[leg].gatewayBrokeOff, !peer(leg).isInsideFrame {
                ownProblems.append("\(leg) was broken off between two frames")
            }
            peer(leg).receive(end: .drop)
        }
    }

    /// A transport that both sides have ended is gone.
    private func loseWhenBothEnded(_ leg: Leg) {
        guard self[leg].gatewayEnded || self[leg].gatewayBrokeOff, self[leg].peerEndDelivered, !self[leg].isLost,
            self[leg].pending.isEmpty
        else { return }
        self[leg].isLost = true
        session.lost(leg, inOrder: true)
    }

    // MARK: Judging

    /// What the gateway did wrong, but for what each peer has noted.
    var problems: [String] { ownProblems + Leg.allCases.flatMap { avoidableEnds(at: $0) } }

    /// Empty fragments at the end of messages that were rewritten: those that go on as they came may have one.
    private func avoidableEnds(at leg: Leg) -> [String] {
        let sent = peer(leg.other).emptyEndsSent
        return peer(leg).emptyEndsReceived.sorted { $0.key < $1.key }.compactMap { index, isCompressed in
            if sent[index] == isCompressed, !isCompressed || passesCompressed(from: leg.other) { return nil }
            return "message \(index) to the \(leg) was rewritten and ends with an empty fragment"
        }
    }

    /// Whether the window and the takeover of one leg are within what the other allows.
    private func passesCompressed(from leg: Leg) -> Bool {
        guard let client = extensions.client, let server = extensions.server else { return false }
        return leg == .client
            ? client.clientMaxWindowBits <= server.clientMaxWindowBits
                && (client.clientNoContextTakeover || !server.clientNoContextTakeover)
            : server.serverMaxWindowBits <= client.serverMaxWindowBits
                && (server.serverNoContextTakeover || !client.serverNoContextTakeover)
    }

    /// The gateway broke no rule towards either peer or its driver.
    func expectSound(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(problems == [], comment, sourceLocation: sourceLocation)
        #expect(client.problems == [], comment, sourceLocation: sourceLocation)
        #expect(server.problems == [], comment, sourceLocation: sourceLocation)
    }

    /// Sound, both transports gone, and no compression memory kept.
    func expectFinished(
        _ outcome: SessionOutcome, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectSound(comment, sourceLocation: sourceLocation)
        #expect(self.outcome == outcome, comment, sourceLocation: sourceLocation)
        pool.trim()
        #expect(memory.used == 0, comment, sourceLocation: sourceLocation)
    }
}

extension DirectionTraffic {
    mutating func add(_ other: DirectionTraffic) {
        textMessages += other.textMessages
        binaryMessages += other.binaryMessages
        payloadBytes += other.payloadBytes
        messagesDeflated += other.messagesDeflated
        deflatedFrom += other.deflatedFrom
        deflatedTo += other.deflatedTo
        messagesShared += other.messagesShared
        messagesInflated += other.messagesInflated
        inflatedFrom += other.inflatedFrom
        inflatedTo += other.inflatedTo
    }
}

extension SessionSettings {
    /// No timers but the one of the closing handshake (5 s).
    static var quiet: SessionSettings {
        var settings = SessionSettings()
        settings.idleTimeout = .zero
        settings.pingInterval = .zero
        return settings
    }

    func with(_ change: (inout SessionSettings) -> Void) -> SessionSettings {
        var settings = self
        change(&settings)
        return settings
    }
}
