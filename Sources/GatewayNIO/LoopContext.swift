import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import NIOCore
import PerMessageDeflate
import WebSocketCore

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
    private var nextID: SessionID = 0
    private let deadlines: LoopDeadlines

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
        nextID &+= 1
        let driver = make(nextID)
        sessions[nextID] = driver
        if let sessionAdded { eventLoop.assumeIsolated().execute { sessionAdded(driver) } }
        return driver
    }

    func remove(_ id: SessionID) {
        sessions[id] = nil
        checkEmpty()
    }

    /// Tells a drain that waits for it when no session is left.
    func checkEmpty() {
        if sessions.isEmpty { whenEmpty?() }
    }

    func wake(_ id: SessionID, at deadline: NIODeadline) {
        deadlines.add(id, at: deadline)
    }

    /// Set by a drain: called when the last session has ended, and with each one that still comes.
    var whenEmpty: (() -> Void)?
    var sessionAdded: ((SessionDriver) -> Void)?
}

/// Numbers a session on its event loop.
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
