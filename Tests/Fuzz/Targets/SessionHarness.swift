import GatewayConfig
import GatewaySession
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// A session between two peers, carried out as `SessionDriver` does it, with a clock that only the input moves. Judges
/// every action as it comes.
final class SessionHarness {
    /// What lies between the gateway and a peer.
    final class Link {
        var outbox: [UInt8] = []
        var sent = 0
        var isWritable = true
        var endsBehindOutbox = false
        var endIsDelivered = false
        var isLost = false
        var gatewayEnded = false
        var gatewayDropped = false
        var written = 0
    }

    /// A cut header or control frame: all that may be held back of what can go on.
    private static let mostHeld = 14 + 125

    let settings: SessionSettings
    let isCompressed: Bool
    let memory: CompressionMemory
    let pool: ZlibPool
    let extensions: SessionExtensions
    private(set) var session: GatewaySession
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private(set) var outcome: SessionOutcome?
    /// The codes of the Closes that the gateway was told to send.
    private(set) var ordered: Set<Int> = []
    private let client: SessionPeer
    private let server: SessionPeer
    private let clientLink = Link()
    private let serverLink = Link()
    private var wakeAt = NIODeadline.distantFuture
    private var reads = 0
    private var longestRead = 0
    private var ownPingBytes = 0
    private var counted = 0

    init(settings: SessionSettings, extensions: SessionExtensions, memoryLimit: Int) {
        self.settings = settings
        self.extensions = extensions
        isCompressed = extensions.client != nil || extensions.server != nil
        memory = CompressionMemory(limit: memoryLimit)
        pool = ZlibPool(memory: memory)
        func limits(_ bits: Int?) -> SessionPeer.Limits {
            .init(
                maximumSize: settings.maxMessageSize, maximumRatio: settings.compression.maxRatio,
                validatesUTF8: settings.validateUTF8, mayReachTooFar: (bits ?? 15) < 15)
        }
        client = SessionPeer(
            isClient: true, agreed: extensions.client, limits: limits(extensions.client?.clientMaxWindowBits))
        server = SessionPeer(
            isClient: false, agreed: extensions.server, limits: limits(extensions.server?.serverMaxWindowBits))
        session = GatewaySession(
            rules: SessionRules(settings), extensions: extensions, zlib: pool, maskKeys: CountedMaskKeys(), now: now)
        schedule()
    }

    // Classes, as an accessor that yields a value would allocate at each use.
    subscript(peer leg: Leg) -> SessionPeer { leg == .client ? client : server }

    subscript(leg: Leg) -> Link { leg == .client ? clientLink : serverLink }

    // MARK: Events

    /// One read of at most `count` bytes, if the session wants it; or the end of what the peer sends. `more` reads
    /// follow unasked, as TLS gives what one of its records held.
    func deliver(from leg: Leg, _ count: Int, more: Int = 0) throws -> Bool {
        guard !self[leg].gatewayDropped, !self[leg].isLost, session.wantsRead(from: leg) else { return false }
        guard self[leg].sent < self[leg].outbox.count else {
            guard self[leg].endsBehindOutbox, !self[leg].endIsDelivered else { return false }
            self[leg].endIsDelivered = true
            session.receivedEnd(from: leg)
            try pump()
            try loseWhenBothEnded(leg)
            return true
        }
        for _ in 0...more where self[leg].sent < self[leg].outbox.count && !self[leg].gatewayDropped {
            let end = min(self[leg].outbox.count, self[leg].sent + max(1, count))
            let piece = self[leg].outbox[self[leg].sent..<end]
            self[leg].sent = end
            longestRead = max(longestRead, piece.count * (1 + more))
            self[peer: leg].sends(piece)
            try receive(ByteBuffer(bytes: piece), from: leg)
            try pump()
        }
        return true
    }

    /// One read in two by the way that most messages go; the other through the queue of actions.
    private func receive(_ bytes: ByteBuffer, from leg: Leg) throws {
        reads += 1
        if reads % 2 == 0 {
            session.receive(bytes, from: leg, now: now)
        } else if session.relays(bytes, from: leg, now: now) {
            try perform(.write(bytes, to: leg.other))
        }
    }

    /// Moves everything that can move.
    func deliverAll() throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            for leg in Leg.allCases { while try deliver(from: leg, 64 * 1024) { isMoving = true } }
        }
    }

    func setWritable(_ leg: Leg, _ isWritable: Bool) throws {
        guard self[leg].isWritable != isWritable else { return }
        self[leg].isWritable = isWritable
        session.writabilityChanged(leg, isWritable: isWritable, now: now)
        try pump()
    }

    func lose(_ leg: Leg, inOrder: Bool) throws {
        guard !self[leg].isLost else { return }
        self[leg].isLost = true
        session.lost(leg, inOrder: inOrder)
        try pump()
    }

    func close(_ code: UInt16, grace: TimeAmount) throws {
        ordered.insert(Int(code))
        session.close(ClosePayload(code: CloseCode(rawValue: code), reason: "so ordered"), grace: grace, now: now)
        try pump()
    }

    func advance(by amount: TimeAmount) throws {
        let target = now + amount
        var turns = 0
        while outcome == nil, wakeAt <= target {
            turns += 1
            try require(turns < 10_000, "the session wakes without end")
            now = max(now, wakeAt)
            wakeAt = .distantFuture
            session.timeReached(now: now, bytesWait: Leg.allCases.contains { !self[$0].isWritable })
            try pump()
            try require(outcome != nil || session.nextDeadline > now, "the next deadline has passed already")
            schedule()
        }
        now = max(now, target)
    }

    private func schedule() {
        if session.nextDeadline < wakeAt { wakeAt = session.nextDeadline }
    }

    // MARK: Actions

    private func pump() throws {
        var steps = 0
        while let action = session.nextAction(now: now) {
            steps += 1
            try require(steps < 100_000, "the session acts without end")
            try perform(action)
        }
        for leg in Leg.allCases {
            let traffic = session.takeTraffic(from: leg)
            counted += traffic.textMessages + traffic.binaryMessages
        }
        if session.takeDeadlineIsNew() { schedule() }
        try judgeHeld()
    }

    private func perform(_ action: SessionAction) throws {
        try require(outcome == nil, "an action came after the last: \(action)")
        switch action {
        case .write(let bytes, let leg), .writeClose(let bytes, let leg):
            try write(bytes, to: leg)
        case .end(let leg):
            try require(!self[leg].gatewayEnded && !self[leg].gatewayDropped, "the \(leg) was ended twice")
            try require(self[peer: leg].sink.isBetweenFrames || isClosed(leg), "the \(leg) was ended inside a frame")
            self[leg].gatewayEnded = true
            try loseWhenBothEnded(leg)
        case .breakOff(let leg):
            try require(!self[leg].gatewayEnded && !self[leg].gatewayDropped, "the \(leg) was broken off after its end")
            try require(!self[peer: leg].sink.isBetweenFrames, "the \(leg) was broken off between two frames")
            self[leg].gatewayEnded = true
            try loseWhenBothEnded(leg)
        case .drop(let leg):
            try require(!self[leg].gatewayDropped, "the \(leg) was dropped twice")
            self[leg].gatewayDropped = true
            guard !self[leg].isLost else { return }
            self[leg].isLost = true
            session.lost(leg, inOrder: true)
        case .finished(let outcome):
            try require(clientLink.gatewayDropped && serverLink.gatewayDropped, "finished with a leg open")
            self.outcome = outcome
        }
    }

    private func isClosed(_ leg: Leg) -> Bool {
        if case .close = self[peer: leg].sink.end { return true }
        return false
    }

    private func write(_ bytes: ByteBuffer, to leg: Leg) throws {
        let count = bytes.readableBytes
        try require(count > 0, "an empty write to the \(leg)")
        try require(!self[leg].gatewayEnded && !self[leg].gatewayDropped, "a write to the \(leg) after its end")
        try require(!isClosed(leg), "a write to the \(leg) behind its Close")
        let isClose = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == 0x88 && count <= 131
        try require(self[leg].isWritable || isClose, "\(count) bytes to the \(leg), which is not writable")
        let most = max(longestRead + Self.mostHeld, 64 * 1024 + 14)
        try require(count <= most, "\(count) bytes in one write, expected at most \(most)")
        let pings = self[peer: leg].sink.pings.count
        self[leg].written += count
        self[peer: leg].receives(bytes.readableBytesView)
        if case .violation(let code) = self[peer: leg].sink.end {
            throw BrokenInvariant(
                "what goes to the \(leg) breaks a rule (\(code)): \(Array(bytes.readableBytesView.prefix(64)))")
        }
        if self[peer: leg].sink.pings.count > pings, count == 12 || count == 16 { ownPingBytes += count }
    }

    /// A transport that both sides have ended is gone.
    private func loseWhenBothEnded(_ leg: Leg) throws {
        guard self[leg].gatewayEnded, self[leg].endIsDelivered, !self[leg].isLost else { return }
        self[leg].isLost = true
        session.lost(leg, inOrder: true)
        try pump()
    }

    /// Without compression nothing is kept but one read and a cut frame.
    private func judgeHeld() throws {
        guard !isCompressed, !session.isClosing else { return }
        for leg in Leg.allCases {
            let held = self[leg].sent - self[leg.other].written - ownPingBytes
            let most = longestRead + Self.mostHeld
            try require(held <= most, "\(held) bytes from the \(leg) are held back, expected at most \(most)")
        }
    }

    var messagesCounted: Int { counted }
    var isClosing: Bool { session.isClosing }
    var zlibMemory: Int { session.zlibMemory }
}
