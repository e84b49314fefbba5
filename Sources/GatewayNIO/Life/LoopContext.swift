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
    let runtime: GatewayRuntime
    let eventLoop: any EventLoop
    let index: Int
    let zlib: ZlibPool
    let maskKeys = RandomMaskKeys()
    let counters: LoopCounters
    private(set) var sessions: [SessionID: SessionDriver] = [:]
    /// Clients' HTTP/2 connections.
    private(set) var fronts: [ObjectIdentifier: HTTP2Front] = [:]
    private var pools: [HTTP2Pool.Key: HTTP2Pool] = [:]
    private var lastID: UInt64 = 0
    private let deadlines: LoopDeadlines
    /// Sessions that have work left, and have had their turn.
    private var awaitingTurn = CircularBuffer<SessionID>()
    private var turnIsScheduled = false
    private var latestDate = (second: 0, text: "")

    init(runtime: GatewayRuntime, eventLoop: any EventLoop, index: Int) {
        self.runtime = runtime
        self.eventLoop = eventLoop
        self.index = index
        zlib = ZlibPool(memory: runtime.compressionMemory)
        counters = runtime.telemetry.counters(loop: index)
        deadlines = LoopDeadlines(eventLoop: eventLoop)
        deadlines.fire = { [unowned self] id, now in self.sessions[id]?.deadlineReached(now: now) }
    }

    func counters(route: Int) -> RouteCounters {
        runtime.telemetry.counters(loop: index, route: route)
    }

    /// Keeps a session until it has ended.
    func add(_ make: (SessionID) -> SessionDriver) -> SessionDriver {
        let id = makeID()
        let driver = make(id)
        sessions[id] = driver
        if let sessionAdded { eventLoop.assumeIsolated().execute { sessionAdded(driver) } }
        return driver
    }

    /// A number for a session or a shared connection, unlike any other of the process.
    func makeID() -> UInt64 {
        lastID &+= 1
        return lastID &* UInt64(runtime.telemetry.loopCount) &+ UInt64(index)
    }

    func remove(_ id: SessionID) {
        sessions[id] = nil
        checkEmpty()
    }

    /// Tells a drain that waits for it when no session is left.
    func checkEmpty() {
        if sessions.isEmpty { whenEmpty?() }
    }

    // MARK: HTTP/2

    func add(_ front: HTTP2Front) {
        fronts[ObjectIdentifier(front)] = front
        if let frontAdded { eventLoop.assumeIsolated().execute { frontAdded(front) } }
    }

    func remove(_ front: HTTP2Front) { fronts[ObjectIdentifier(front)] = nil }

    /// The connections of this loop to one server.
    func pool(of upstream: Upstream, server: Int) -> HTTP2Pool {
        let key = HTTP2Pool.Key(upstream: upstream.configuration.name, server: server)
        if let pool = pools[key] { return pool }
        let pool = HTTP2Pool(upstream: upstream, server: server, loop: self)
        pools[key] = pool
        return pool
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
