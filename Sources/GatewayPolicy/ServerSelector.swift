public import GatewayConfig
public import NIOCore
import Synchronization

/// Chooses which server of an upstream gets the next connection, and keeps away from those that fail.
///
/// A server that failed rests (``Backoff``); when the rest is over, one connection a second tries it until one
/// succeeds. Shared by all event loops, called once a handshake.
public final class ServerSelector: Sendable {
    private struct Server {
        var active = 0
        var consecutiveFailures = 0
        var failuresTotal = 0
        /// The end of the rest after the latest failure.
        var restsUntil = NIODeadline.distantPast
        /// The time of the next try after a rest, when one is under way.
        var nextProbe = NIODeadline.distantPast
        /// Smooth weighted round robin: grows by the weight each time, the winner pays what all got.
        var credit = 0

        var availableFrom: NIODeadline { max(restsUntil, nextProbe) }
    }

    private struct State {
        var servers: [Server]
        /// Where the search begins, so that equals take turns.
        var next = 0
    }

    private static let backoff = Backoff()
    private static let probeInterval = TimeAmount.seconds(1)

    public let upstream: UpstreamConfiguration
    private let state: Mutex<State>

    public init(upstream: UpstreamConfiguration) {
        self.upstream = upstream
        state = Mutex(State(servers: upstream.servers.map { _ in Server() }))
    }

    /// The server for the next connection; its place is taken until the permit is released.
    ///
    /// `round_robin` is smooth weighted round robin; `least_connections` is the smallest number of connections for its
    /// weight, equals take turns. Servers at their `max_connections` are left out, and so are those that rest, unless
    /// there is no other: then it is the one whose rest ends first.
    ///
    /// - Parameter excluding: indices of servers that this request has tried.
    public func pick(excluding: Set<Int> = [], now: NIODeadline) -> Result<ServerPermit, SelectionFailure> {
        let choice: Result<Int, SelectionFailure> = state.withLock { state in
            let left = state.servers.indices.filter { !excluding.contains($0) }
            let open = left.filter { !isFull($0, state) }
            guard !open.isEmpty else { return .failure(left.isEmpty ? .noneLeft : .allAtCapacity) }
            let awake = open.filter { state.servers[$0].availableFrom <= now }
            let choice = awake.isEmpty ? firstToWake(among: open, state) : balanced(awake, &state)
            guard let server = choice else { return .failure(.noneLeft) }
            state.servers[server].active += 1
            if state.servers[server].consecutiveFailures > 0 {
                state.servers[server].nextProbe = now + Self.probeInterval
            }
            return .success(server)
        }
        return choice.map { server in
            ServerPermit(server: server) { [self] in
                state.withLock { $0.servers[server].active -= 1 }
            }
        }
    }

    /// A connection to the server, or its handshake, failed: the server rests.
    ///
    /// Failures of connections that were under way together count as one step of the backoff.
    ///
    /// - Parameters:
    ///   - server: its index.
    ///   - jitter: a random number of 0 up to 1.
    public func failed(server: Int, now: NIODeadline, jitter: Double) {
        state.withLock { state in
            guard state.servers.indices.contains(server) else { return }
            state.servers[server].failuresTotal += 1
            guard state.servers[server].restsUntil <= now else { return }
            state.servers[server].consecutiveFailures += 1
            let failures = state.servers[server].consecutiveFailures
            state.servers[server].restsUntil = now + Self.backoff.delay(after: failures, jitter: jitter)
        }
    }

    /// The server answered the handshake, whatever it said: its rest is over.
    public func succeeded(server: Int) {
        state.withLock { state in
            guard state.servers.indices.contains(server) else { return }
            state.servers[server].consecutiveFailures = 0
            state.servers[server].restsUntil = .distantPast
            state.servers[server].nextProbe = .distantPast
        }
    }

    /// How the servers stand, in the order of the configuration.
    public func snapshot() -> [ServerState] {
        state.withLock { state in
            zip(upstream.servers, state.servers).map { configuration, server in
                ServerState(
                    address: configuration.address.description, healthy: server.consecutiveFailures == 0,
                    active: server.active, failuresTotal: server.failuresTotal)
            }
        }
    }

    private func isFull(_ server: Int, _ state: State) -> Bool {
        let cap = upstream.servers[server].maxConnections
        return cap > 0 && state.servers[server].active >= cap
    }

    private func firstToWake(among servers: [Int], _ state: State) -> Int? {
        servers.min { state.servers[$0].availableFrom < state.servers[$1].availableFrom }
    }

    private func balanced(_ servers: [Int], _ state: inout State) -> Int? {
        switch upstream.balance {
        case .roundRobin: nextInRotation(servers, &state)
        case .leastConnections: leastConnected(servers, &state)
        }
    }

    private func nextInRotation(_ servers: [Int], _ state: inout State) -> Int? {
        var total = 0
        var winner: Int?
        for server in servers {
            let weight = weight(of: server)
            total += weight
            state.servers[server].credit += weight
            if winner.map({ state.servers[server].credit > state.servers[$0].credit }) ?? true { winner = server }
        }
        if let winner { state.servers[winner].credit -= total }
        return winner
    }

    private func leastConnected(_ servers: [Int], _ state: inout State) -> Int? {
        // Those at and after `next` first, as `min` takes the first of equals.
        let turned = servers.filter { $0 >= state.next } + servers.filter { $0 < state.next }
        let winner = turned.min { first, second in
            // active / weight, multiplied out; connections times 1000 stay far from overflowing.
            let load = state.servers[first].active * weight(of: second)
            let other = state.servers[second].active * weight(of: first)
            return load < other
        }
        if let winner { state.next = winner + 1 }
        return winner
    }

    private func weight(of server: Int) -> Int { max(1, upstream.servers[server].weight) }
}

/// Why no server could be chosen.
public enum SelectionFailure: Error, Equatable, Sendable {
    /// Each server left has its `max_connections`.
    case allAtCapacity
    /// Each server was tried already.
    case noneLeft

    /// How the client is refused: with 503 or 502.
    public var refusal: Refusal {
        switch self {
        case .allAtCapacity: .serverMaxConnections
        case .noneLeft: .noServer
        }
    }
}

/// How one server of an upstream stands at one moment.
public struct ServerState: Equatable, Sendable {
    /// As it is written in the configuration.
    public var address: String
    /// Whether it did not fail since it last answered.
    public var healthy: Bool
    /// Connections that hold a place, those on their way included.
    public var active: Int
    public var failuresTotal: Int

    public init(address: String, healthy: Bool, active: Int, failuresTotal: Int) {
        self.address = address
        self.healthy = healthy
        self.active = active
        self.failuresTotal = failuresTotal
    }
}
