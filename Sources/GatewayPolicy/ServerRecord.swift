public import GatewayConfig
public import NIOCore
import Synchronization

/// What is known of one server of an upstream: its connections, its failures, whether it is drained. It outlives the
/// configuration that names the server, and is shared by all event loops.
///
/// A server that failed rests (``Backoff``); when the rest is over, one connection a second tries it until one
/// succeeds.
public final class ServerRecord: Sendable {
    struct State {
        var address: Address
        var active = 0
        var consecutiveFailures = 0
        var failuresTotal = 0
        /// Places that were ever taken.
        var takenTotal: UInt64 = 0
        /// Why it failed the last time, and when; nil: it never did, or nobody said why.
        var lastFailure: (reason: String, time: NIODeadline)?
        /// The latest failure was that no connection came about, which any connection disproves.
        var isUnreachable = false
        /// The end of the rest after the latest failure.
        var restsUntil = NIODeadline.distantPast
        /// The time of the next try after a rest, when one is under way.
        var nextProbe = NIODeadline.distantPast
        /// When a connection was last tried; nil: never.
        var lastTry: NIODeadline?
        /// Somebody asked for it to be drained.
        var isDrained = false
        /// What checks say; nil: none are made.
        var health: ServerHealth?
        /// Smooth weighted round robin: grows by the weight each time, the winner pays what all got.
        var credit = 0
        /// When it became new to those who choose, or recovered; nil: it has been there from the start.
        var freshSince: NIODeadline?

        var availableFrom: NIODeadline { max(restsUntil, nextProbe) }

        /// The part of its weight that it has: from a tenth, when it is fresh, to all of it.
        func share(slowStart: TimeAmount, now: NIODeadline) -> Double {
            guard let freshSince, slowStart > .zero else { return 1 }
            let passed = Double((now - freshSince).nanoseconds) / Double(slowStart.nanoseconds)
            return 0.1 + 0.9 * min(1, max(0, passed))
        }
    }

    private static let backoff = Backoff()
    private static let probeInterval = TimeAmount.seconds(1)

    /// What the server is called: its address as configured, or one of those that its name stands for.
    public var address: Address { state.withLock { $0.address } }
    private let state: Mutex<State>
    private let lines: ServerSelector.Lines

    /// - Parameter lines: where those wait who find this server and the others of the upstream full.
    public init(address: Address, lines: ServerSelector.Lines = .init()) {
        state = Mutex(State(address: address))
        self.lines = lines
    }

    /// Its name has come to stand for other servers too, or for no other any more.
    ///
    /// - Returns: whether it was called something else.
    public func rename(_ address: Address) -> Bool {
        state.withLock { state in
            defer { state.address = address }
            return state.address != address
        }
    }

    func read() -> State { state.withLock { $0 } }

    /// What whoever chooses among servers has to know.
    struct Standing {
        let active: Int
        let availableFrom: NIODeadline
        /// ``State/share(slowStart:now:)``
        let share: Double
    }

    /// nil: it gets no connections, as it is drained or unhealthy.
    func standing(slowStart: TimeAmount, now: NIODeadline) -> Standing? {
        state.withLock { state in
            guard !state.isDrained, state.health?.standing != .unhealthy else { return nil }
            return Standing(
                active: state.active, availableFrom: state.availableFrom,
                share: state.share(slowStart: slowStart, now: now))
        }
    }

    func addCredit(_ credit: Int) -> Int {
        state.withLock { state in
            state.credit += credit
            return state.credit
        }
    }

    /// A place, unless as many are taken as there may be.
    ///
    /// - Parameter cap: 0: none.
    func take(cap: Int, now: NIODeadline) -> ServerPermit? {
        let isTaken = state.withLock { state in
            guard cap == 0 || state.active < cap else { return false }
            state.active += 1
            state.takenTotal &+= 1
            if state.consecutiveFailures > 0 { state.nextProbe = now + Self.probeInterval }
            return true
        }
        guard isTaken else { return nil }
        return ServerPermit(server: self)
    }

    /// A permit's place is free again.
    func giveBack() {
        state.withLock { $0.active -= 1 }
        lines.placeIsFree()
    }

    /// A connection to the server, or its handshake, failed: the server rests.
    ///
    /// Failures of connections that were under way together count as one step of the backoff.
    ///
    /// - Parameters:
    ///   - isUnreachable: no connection came about.
    ///   - reason: in words for whoever runs the gateway; nil: not known.
    ///   - jitter: a random number of 0 up to 1.
    public func failed(isUnreachable: Bool = false, reason: String? = nil, now: NIODeadline, jitter: Double) {
        state.withLock { state in
            state.failuresTotal += 1
            if let reason { state.lastFailure = (reason, now) }
            Self.rest(&state, isUnreachable: isUnreachable, now: now, jitter: jitter)
        }
    }

    private static func rest(_ state: inout State, isUnreachable: Bool, now: NIODeadline, jitter: Double) {
        state.lastTry = now
        state.isUnreachable = isUnreachable
        guard state.restsUntil <= now else { return }
        state.consecutiveFailures += 1
        state.restsUntil = now + backoff.delay(after: state.consecutiveFailures, jitter: jitter)
    }

    /// The server answered the handshake, whatever it said: its rest is over.
    public func succeeded(now: NIODeadline) {
        state.withLock { state in
            state.lastTry = now
            Self.wake(&state, now: now)
        }
    }

    private static func wake(_ state: inout State, now: NIODeadline) {
        if state.consecutiveFailures > 0 { state.freshSince = now }
        state.consecutiveFailures = 0
        state.isUnreachable = false
        state.restsUntil = .distantPast
        state.nextProbe = .distantPast
    }

    /// A reload, or a lookup of its name, brought the server in: its slow start begins, where the upstream has one.
    public func joined(now: NIODeadline) {
        state.withLock { $0.freshSince = now }
    }

    // MARK: Looks at a server that nobody connects to

    /// Whether a connection should be tried for the sake of knowing: never tried yet, or not for `interval`; sooner
    /// where none came about the last time.
    public func isLookDue(interval: TimeAmount, whileUnreachable: TimeAmount, now: NIODeadline) -> Bool {
        state.withLock { state in
            guard let last = state.lastTry else { return true }
            return now >= last + (state.isUnreachable ? whileUnreachable : interval)
        }
    }

    /// A connection came about, and nothing was asked on it.
    ///
    /// - Parameter reason: why none came about, in words for whoever runs the gateway; nil: not known.
    /// - Returns: whether this is news.
    public func looked(
        isReachable: Bool, reason: @autoclosure () -> String? = nil, now: NIODeadline, jitter: Double
    ) -> Bool {
        state.withLock { state in
            if !isReachable, let reason = reason() { state.lastFailure = (reason, now) }
            let wasUnreachable = state.isUnreachable
            if isReachable {
                state.lastTry = now
                if wasUnreachable { Self.wake(&state, now: now) }
            } else {
                Self.rest(&state, isUnreachable: true, now: now, jitter: jitter)
            }
            return wasUnreachable == isReachable
        }
    }

    /// Whether no connection came about the last time one was tried.
    public var isUnreachable: Bool { state.withLock { $0.isUnreachable } }

    /// Whether a connection came about the last time one was tried, and checks don't call it unhealthy.
    public var isKnownReachable: Bool {
        state.withLock { $0.lastTry != nil && !$0.isUnreachable && $0.health?.standing != .unhealthy }
    }

    // MARK: Checks

    /// A check has come to an end.
    ///
    /// One that passes ends the rest of a server that could not be reached, and of one that was unhealthy until now;
    /// that of a server that failed a client otherwise goes on.
    ///
    /// - Returns: how the server stands from now on, if that is news: no more than nothing was known of one that turns
    ///   out to be healthy.
    public func checked(
        _ outcome: ServerHealth.Outcome, by check: HealthCheck, now: NIODeadline
    ) -> ServerHealth.Standing? {
        let standing: ServerHealth.Standing? = state.withLock { state in
            var health = state.health ?? ServerHealth()
            let before = health.standing
            health.note(outcome, unhealthyAfter: check.unhealthyAfter, healthyAfter: check.healthyAfter)
            state.health = health
            let after = health.standing
            if outcome.hasPassed {
                state.lastTry = now
                let recovers = before == .unhealthy && after == .healthy
                if state.isUnreachable || recovers { Self.wake(&state, now: now) }
                if recovers { state.freshSince = now }
            }
            return after == before || before == .unknown && after == .healthy ? nil : after
        }
        if standing != nil { lines.placeIsFree() }
        return standing
    }

    /// Checks are made from now on, or in another way: how the server stands remains, how often in a row is counted
    /// anew.
    public func checksBegin() {
        state.withLock { state in
            var health = state.health ?? ServerHealth()
            health.forgetRow()
            state.health = health
        }
    }

    /// No checks are made any more: looks have to find out how the server stands.
    public func checksEnd() {
        state.withLock { state in
            state.health = nil
            state.lastTry = nil
        }
    }

    /// What checks say; nil: none are made.
    public var health: ServerHealth? { state.withLock { $0.health } }

    // MARK: Draining

    /// Whether somebody asked for it to be drained.
    public var isDrained: Bool { state.withLock { $0.isDrained } }

    /// - Returns: whether this changed anything.
    public func setDrained(_ isDrained: Bool) -> Bool {
        let isChanged = state.withLock { state in
            defer { state.isDrained = isDrained }
            return state.isDrained != isDrained
        }
        if isChanged { lines.placeIsFree() }
        return isChanged
    }

    /// How the server stands.
    public func snapshot(now: NIODeadline) -> ServerState {
        let state = read()
        return ServerState(
            healthy: state.consecutiveFailures == 0 && state.health?.standing != .unhealthy,
            isResting: state.availableFrom > now, isDrained: state.isDrained,
            active: state.active, failuresTotal: state.failuresTotal, takenTotal: state.takenTotal,
            lastFailure: state.lastFailure.map { failure in
                .init(reason: failure.reason, seconds: Double((now - failure.time).nanoseconds) / 1e9)
            })
    }
}

/// How one server of an upstream stands at one moment.
public struct ServerState: Equatable, Sendable {
    /// Whether it did not fail since it last answered, and its checks don't call it unhealthy.
    public var healthy: Bool
    /// Whether it is left alone for now, as it failed.
    public var isResting: Bool
    /// Whether somebody asked for it to be drained.
    public var isDrained: Bool
    /// Connections that hold a place, those on their way included.
    public var active: Int
    public var failuresTotal: Int
    /// Connections that ever had a place.
    public var takenTotal: UInt64
    /// The latest failure; nil: there was none, or nothing is known of it.
    public var lastFailure: Failure?

    public struct Failure: Equatable, Sendable {
        /// In words for whoever runs the gateway.
        public var reason: String
        /// Since it happened.
        public var seconds: Double

        public init(reason: String, seconds: Double) {
            self.reason = reason
            self.seconds = seconds
        }
    }

    public init(
        healthy: Bool, isResting: Bool, isDrained: Bool, active: Int, failuresTotal: Int, takenTotal: UInt64 = 0,
        lastFailure: Failure? = nil
    ) {
        self.healthy = healthy
        self.isResting = isResting
        self.isDrained = isDrained
        self.active = active
        self.failuresTotal = failuresTotal
        self.takenTotal = takenTotal
        self.lastFailure = lastFailure
    }
}
