public import GatewayConfig
public import NIOCore
import Synchronization

/// The caps on connections and on plain requests: of the process, of each client address, of each route, and of each
/// client address on a route; and the rate of handshakes.
///
/// One instance for the process, called from every event loop, once a handshake. What is in use outlives the
/// configuration that says how much may be: a route is found again by its name. It remembers only routes and addresses
/// that have connections now, so its memory is bounded by the number of those. An IPv6 client is counted by its /64, a
/// unix peer by no address at all.
///
/// Where a route has a `queue`, those wait who find its cap reached. They count for the caps of the process and of client
/// addresses from then on.
public final class Admission: Sendable {
    private struct State {
        var total = 0
        /// The largest total since it was last asked for.
        var peak = 0
        var byAddress: [ClientAddress.CapKey: Int] = [:]
        var routes: [String: RouteState] = [:]
        var handshakes: TokenBucket?
        var isDraining = false
    }

    private struct RouteState {
        var total = 0
        var byAddress: [ClientAddress.CapKey: Int] = [:]
        /// Plain requests.
        var requests = 0

        var isEmpty: Bool { total == 0 && requests == 0 && byAddress.isEmpty }
    }

    /// A cap that can be waited for, of the route of this name.
    public enum RouteCap: Hashable, Sendable {
        case connections(String)
        case requests(String)
    }

    public typealias Lines = WaitingLines<RouteCap, Permit>

    private let state = Mutex(State())
    private let lines = Lines()

    public init() {}

    /// A place for one more connection, or the first of these that stands against it: draining, the rate of
    /// handshakes, the caps of the process, of the client address, of the route, of the client address on the route.
    ///
    /// - Parameters:
    ///   - route: its name and caps.
    ///   - limits: those of the process that hold for this handshake.
    ///   - clientAddress: the address that counts (``ForwardedFields/clientAddress``).
    ///   - now: the time, for the rate alone.
    public func admit(
        route: RouteConfiguration, limits: ProcessLimits, clientAddress: ClientAddress, now: NIODeadline
    ) -> Result<Permit, Refusal> {
        let address = clientAddress.capKey
        let refusal = state.withLock { state in
            let refusal = Self.refusal(state: &state, limits, route, address: address, now: now)
            if refusal == nil { Self.count(state: &state, route: route.name, address: address, by: 1) }
            return refusal
        }
        if let refusal { return .failure(refusal) }
        return .success(
            Permit { [self, name = route.name] in
                state.withLock { Self.count(state: &$0, route: name, address: address, by: -1) }
                lines.placeIsFree(.connections(name))
            })
    }

    /// As ``admit(route:limits:clientAddress:now:)``; who finds the route's cap reached waits in its `queue`, if it has
    /// one with room.
    ///
    /// - Parameter tell: what came of waiting.
    public func admit(
        route: RouteConfiguration, limits: ProcessLimits, clientAddress: ClientAddress, now: NIODeadline,
        tell: @escaping Lines.Tell
    ) -> Lines.Entry {
        guard let queue = route.queue else {
            return .init(admit(route: route, limits: limits, clientAddress: clientAddress, now: now))
        }
        let address = clientAddress.capKey
        let name = route.name
        let refusal = state.withLock { state in
            var uncapped = route
            uncapped.maxConnections = 0
            let refusal = Self.refusal(state: &state, limits, uncapped, address: address, now: now)
            if refusal == nil { Self.countClient(state: &state, route: name, address: address, by: 1) }
            return refusal
        }
        if let refusal { return .refused(refusal) }
        let client = Permit { [self] in
            state.withLock { Self.countClient(state: &$0, route: name, address: address, by: -1) }
        }
        return lines.enter(
            .connections(name), group: name, size: queue.size, orElse: .routeMaxConnections,
            attempt: { [self] in attemptConnection(route, of: client) }, tell: tell)
    }

    /// - Parameter client: its places under the other caps, which it has already.
    private func attemptConnection(_ route: RouteConfiguration, of client: Permit) -> Lines.Attempt {
        let name = route.name
        let failed: Lines.Attempt? = state.withLock { state in
            if state.isDraining { return .refused(.draining) }
            if Self.isReached(route.maxConnections, by: state.routes[name]?.total ?? 0) { return .full }
            Self.countConnection(state: &state, route: name, by: 1)
            return nil
        }
        if let failed { return failed }
        return .place(
            Permit { [self] in
                state.withLock { Self.countConnection(state: &$0, route: name, by: -1) }
                client.release()
                lines.placeIsFree(.connections(name))
            })
    }

    /// A place for one more plain request under the route's `max_requests`, or what stands against it. It is no connection
    /// in the sense of the other caps.
    public func admitRequest(route: RouteConfiguration) -> Result<Permit, Refusal> {
        switch attemptRequest(route.name, cap: route.maxRequests) {
        case .place(let permit): .success(permit)
        case .full: .failure(.routeMaxRequests)
        case .refused(let refusal): .failure(refusal)
        }
    }

    /// As ``admitRequest(route:)``; who finds the cap reached waits in the route's `queue`, if it has one with room.
    ///
    /// - Parameter tell: what came of waiting.
    public func admitRequest(route: RouteConfiguration, tell: @escaping Lines.Tell) -> Lines.Entry {
        guard let queue = route.queue, route.maxRequests > 0 else { return .init(admitRequest(route: route)) }
        return lines.enter(
            .requests(route.name), group: route.name, size: queue.size, orElse: .routeMaxRequests,
            attempt: { [self, name = route.name, cap = route.maxRequests] in attemptRequest(name, cap: cap) },
            tell: tell)
    }

    private func attemptRequest(_ route: String, cap: Int) -> Lines.Attempt {
        let failed: Lines.Attempt? = state.withLock { state in
            if state.isDraining { return .refused(.draining) }
            if Self.isReached(cap, by: state.routes[route]?.requests ?? 0) { return .full }
            state.routes[route, default: RouteState()].requests += 1
            return nil
        }
        if let failed { return failed }
        return .place(
            Permit { [self] in
                state.withLock { state in
                    state.routes[route]?.requests -= 1
                    if state.routes[route]?.isEmpty == true { state.routes[route] = nil }
                }
                lines.placeIsFree(.requests(route))
            })
    }

    /// How many wait for a place under that cap.
    public func waiting(for cap: RouteCap) -> Int { lines.count(cap) }

    /// From now on every handshake is refused with ``Refusal/draining``, and so are those who wait. Permits stay valid.
    public func startDraining() {
        state.withLock { $0.isDraining = true }
        lines.refuseAll(.draining)
    }

    public var isDraining: Bool {
        state.withLock { $0.isDraining }
    }

    /// Permits that are out.
    public var activeConnections: Int {
        state.withLock { $0.total }
    }

    /// The most permits that were out at once since this was last asked.
    public func takePeak() -> Int {
        state.withLock { state in
            defer { state.peak = state.total }
            return state.peak
        }
    }

    private static func refusal(
        state: inout State, _ limits: ProcessLimits, _ route: RouteConfiguration, address: ClientAddress.CapKey?,
        now: NIODeadline
    ) -> Refusal? {
        if state.isDraining { return .draining }
        if limits.maxHandshakesPerSecond > 0, !takeHandshake(state: &state, limits, now: now) { return .handshakeRate }
        if isReached(limits.maxConnections, by: state.total) { return .maxConnections }
        if let address, isReached(limits.maxConnectionsPerIP, by: state.byAddress[address] ?? 0) {
            return .maxConnectionsPerIP
        }
        let used = state.routes[route.name]
        if isReached(route.maxConnections, by: used?.total ?? 0) { return .routeMaxConnections }
        if let address, isReached(route.maxConnectionsPerIP, by: used?.byAddress[address] ?? 0) {
            return .routeMaxConnectionsPerIP
        }
        return nil
    }

    /// The bucket holds a second's worth, and starts with the first handshake as there is no time before it. Another
    /// rate is another bucket.
    private static func takeHandshake(state: inout State, _ limits: ProcessLimits, now: NIODeadline) -> Bool {
        let rate = Double(limits.maxHandshakesPerSecond)
        let known = state.handshakes.flatMap { $0.rate == rate ? $0 : nil }
        var bucket = known ?? TokenBucket(rate: rate, burst: rate, now: now)
        defer { state.handshakes = bucket }
        return bucket.take(now: now)
    }

    /// A cap of 0 is none.
    private static func isReached(_ cap: Int, by count: Int) -> Bool {
        cap > 0 && count >= cap
    }

    /// For all caps of connections at once.
    private static func count(
        state: inout State, route: String, address: ClientAddress.CapKey?, by change: Int
    ) {
        state.total += change
        state.peak = max(state.peak, state.total)
        if let address { count(&state.byAddress, address, by: change) }
        let isEmpty = { (used: inout RouteState) in
            used.total += change
            if let address { count(&used.byAddress, address, by: change) }
            return used.isEmpty
        }(&state.routes[route, default: RouteState()])
        if isEmpty { state.routes[route] = nil }
    }

    /// For the caps of the process and of the address.
    private static func countClient(
        state: inout State, route: String, address: ClientAddress.CapKey?, by change: Int
    ) {
        state.total += change
        state.peak = max(state.peak, state.total)
        guard let address else { return }
        count(&state.byAddress, address, by: change)
        count(&state.routes[route, default: RouteState()].byAddress, address, by: change)
        if state.routes[route]?.isEmpty == true { state.routes[route] = nil }
    }

    /// For the cap of the route.
    private static func countConnection(state: inout State, route: String, by change: Int) {
        state.routes[route, default: RouteState()].total += change
        if state.routes[route]?.isEmpty == true { state.routes[route] = nil }
    }

    private static func count(_ counts: inout [ClientAddress.CapKey: Int], _ key: ClientAddress.CapKey, by change: Int)
    {
        let count = (counts[key] ?? 0) + change
        counts[key] = count > 0 ? count : nil
    }
}

extension WaitingLines.Entry {
    init(_ result: Result<Place, Refusal>) {
        switch result {
        case .success(let place): self = .place(place)
        case .failure(let refusal): self = .refused(refusal)
        }
    }
}
