import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import NIOCore
import PerMessageDeflate
import WebSocketCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What belongs to one event loop and is touched by it alone: its open sessions, their deadlines, its idle zlib
/// state. Nothing on the way of a message crosses a thread.
final class LoopContext {
    let process: ProcessState
    /// In force for what begins now.
    private(set) var generation: Generation
    let eventLoop: any EventLoop
    let index: Int
    let zlib: ZlibPool
    let maskKeys = RandomMaskKeys()
    let counters: LoopCounters
    let load: LoopLoad
    let transports: TransportCounter
    private(set) var sessions: [SessionID: SessionDriver] = [:]
    /// Clients' HTTP/2 connections.
    private(set) var fronts: [ObjectIdentifier: HTTP2Front] = [:]
    private lazy var pools = ServerPools(loop: self)
    /// Clients' HTTP/1.1 connections that have carried a request and wait for the next, or carry it.
    private(set) var keptFronts: [ObjectIdentifier: HTTP1Front] = [:]
    /// Plain requests under way.
    let forwardings: Forwardings
    private var lastID: UInt64 = 0
    private let deadlines: LoopDeadlines
    /// Sessions that have work left, and have had their turn.
    private var awaitingTurn = CircularBuffer<SessionID>()
    private var turnIsScheduled = false
    private var identifiers = SplitMix64(seed: .random(in: .min ... .max))
    private var latestDate = (second: 0, text: "")

    init(process: ProcessState, generation: Generation, eventLoop: any EventLoop, index: Int) {
        self.process = process
        self.generation = generation
        self.eventLoop = eventLoop
        self.index = index
        zlib = ZlibPool(memory: process.compressionMemory)
        counters = process.telemetry.counters(loop: index)
        transports = TransportCounter(counters)
        load = LoopLoad(counters)
        deadlines = LoopDeadlines(eventLoop: eventLoop)
        forwardings = Forwardings(eventLoop: eventLoop)
        deadlines.fire = { [unowned self] id, now in self.sessions[id]?.deadlineReached(now: now) }
    }

    func counters(of route: LiveRoute) -> RouteCounters { route.counters.counters(loop: index) }

    /// From now on requests are decided on by this generation.
    func follow(_ next: Generation) {
        generation = next
        pools.follow()
        for front in fronts.values { front.followListener() }
        for front in keptFronts.values { front.followListener() }
    }

    /// Names have come to stand for other servers: connections to those that left end with their last stream.
    func serversChanged() { pools.judge() }

    /// Keeps a session until it has ended.
    ///
    /// - Parameter origin: the generation it began with.
    func add(from origin: Generation, _ make: (SessionID) -> SessionDriver) -> SessionDriver {
        let id = makeID()
        let driver = make(id)
        sessions[id] = driver
        let drains = driver.info.server.isDrained
        if origin !== generation || drains {
            eventLoop.assumeIsolated().execute { self.catchUp(driver, from: origin, drains: drains) }
        }
        if let sessionAdded { eventLoop.assumeIsolated().execute { sessionAdded(driver) } }
        return driver
    }

    /// A session has come whose handshake began before something changed that concerns it.
    private func catchUp(_ driver: SessionDriver, from origin: Generation, drains: Bool) {
        guard sessions[driver.id] != nil else { return }
        var fate = drains ? ChangeAction.drain : .keep
        if origin !== generation {
            let difference = ConfigurationDifference(from: origin.configuration, to: generation.configuration)
            fate = max(fate, driver.info.fate(in: difference))
        }
        if fate != .keep { driver.restart(fate, settings: generation.configuration.drain) }
    }

    /// A number for a session or a shared connection, unlike any other of the process.
    func makeID() -> UInt64 {
        lastID &+= 1
        return lastID &* UInt64(process.telemetry.loopCount) &+ UInt64(index)
    }

    /// For what has to differ and need not be secret: a system call for each would cost as much as the rest of a small
    /// request's bookkeeping.
    func randomIdentifier() -> UInt64 { identifiers.next() }

    /// Whether a request that begins belongs to the share whose lines are written.
    func isSampled(_ log: LogConfiguration) -> Bool {
        // The 53 bits that a Double between 0 and 1 has.
        log.sample >= 1 || Double(identifiers.next() >> 11) * 0x1p-53 < log.sample
    }

    func remove(_ id: SessionID) {
        sessions[id] = nil
        checkEmpty()
    }

    /// Streams of clients' HTTP/2 connections that carry a plain request, or have not sent all of its answer.
    private var plainStreams = 0

    func plainStreamBegan() { plainStreams += 1 }

    func plainStreamEnded() {
        plainStreams -= 1
        checkEmpty()
    }

    /// Tells a drain that waits for it when no session and no request is left.
    func checkEmpty() {
        if sessions.isEmpty, forwardings.isEmpty, plainStreams == 0 { whenEmpty?() }
    }

    // MARK: HTTP/1.1

    /// A client's connection is kept for its next request.
    ///
    /// - Returns: false: there are as many as may be, or the process is on its way out.
    func keep(_ front: HTTP1Front) -> Bool {
        let id = ObjectIdentifier(front)
        guard keptFronts[id] == nil else { return !isDraining }
        let cap = generation.configuration.limits.maxConnections
        guard !isDraining, cap == 0 || keptFronts.count * process.telemetry.loopCount < cap else { return false }
        keptFronts[id] = front
        return true
    }

    func remove(_ front: HTTP1Front) { keptFronts[ObjectIdentifier(front)] = nil }

    /// The idle connections of this loop to one server.
    func http1Pool(of upstream: Upstream, server: LiveServer) -> HTTP1Pool {
        pools.http1Pool(of: upstream, server: server)
    }

    func remove(_ pool: HTTP1Pool) { pools.remove(pool) }

    // MARK: HTTP/2

    func add(_ front: HTTP2Front) {
        fronts[ObjectIdentifier(front)] = front
        if let frontAdded { eventLoop.assumeIsolated().execute { frontAdded(front) } }
    }

    func remove(_ front: HTTP2Front) { fronts[ObjectIdentifier(front)] = nil }

    /// The connections of this loop to one server.
    func http2Pool(of upstream: Upstream, server: LiveServer) -> HTTP2Pool {
        pools.http2Pool(of: upstream, server: server)
    }

    func remove(_ pool: HTTP2Pool) { pools.remove(pool) }

    /// For what is shown to people: the time of the kernel's last tick, some milliseconds ago. Reading the clock itself
    /// takes several times as long.
    var secondsSince1970: Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec / 1_000_000) / 1000
    }

    /// What `Date` says now (RFC 9110 §6.6.1).
    var date: String {
        let second = time(nil)
        if second != latestDate.second { latestDate = (second, HTTPDate.text(secondsSince1970: second)) }
        return latestDate.text
    }

    // MARK: Turns

    /// Lets a session go on when the channels of the loop have been looked at.
    func giveTurnLater(_ id: SessionID) {
        awaitingTurn.append(id)
        scheduleTurn()
    }

    /// One session at a time, and not at once: an event loop runs all that is due before it looks at its channels.
    private func scheduleTurn() {
        guard !turnIsScheduled, !awaitingTurn.isEmpty else { return }
        turnIsScheduled = true
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .milliseconds(1)) { this.value.giveTurn() }
    }

    private func giveTurn() {
        if let id = awaitingTurn.popFirst() { sessions[id]?.turnHasCome() }
        turnIsScheduled = false
        scheduleTurn()
    }

    func wake(_ id: SessionID, at deadline: NIODeadline) {
        deadlines.add(id, at: deadline)
    }

    /// The process is on its way out.
    private(set) var isDraining = false

    /// Connections that carry no request end; those that do end with it.
    func drainKeptFronts() {
        isDraining = true
        for front in keptFronts.values { front.drain() }
    }

    /// Set by a drain: called when the last session has ended, and with each one that still comes.
    var whenEmpty: (() -> Void)?
    var sessionAdded: ((SessionDriver) -> Void)?
    var frontAdded: ((HTTP2Front) -> Void)?
}

/// Numbers a session.
typealias SessionID = UInt64

/// Mask keys from the system's random source (RFC 6455 §5.3), two to a draw.
final class RandomMaskKeys: MaskKeySource {
    private var generator = SystemRandomNumberGenerator()
    private var spare: UInt32?

    func nextMaskKey() -> MaskKey {
        if let key = spare.take() { return MaskKey(raw: key) }
        let bits = generator.next()
        spare = UInt32(truncatingIfNeeded: bits >> 32)
        return MaskKey(raw: UInt32(truncatingIfNeeded: bits))
    }
}
