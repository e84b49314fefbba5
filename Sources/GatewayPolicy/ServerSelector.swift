public import GatewayConfig
public import NIOCore
import Synchronization

/// Chooses which server of an upstream gets the next connection, as one configuration says, and keeps away from those
/// that fail. What is known of the servers (``ServerRecord``) outlives it.
///
/// Shared by all event loops, called once a handshake.
public final class ServerSelector: Sendable {
    private let balance: UpstreamConfiguration.Balance
    private let servers: [ServerConfiguration]
    private let records: [ServerRecord]
    /// Where the search for the least connected begins, so that equals take turns.
    private let next = Mutex(0)

    /// - Parameter record: finds what is known of a server.
    public init(upstream: UpstreamConfiguration, record: (Address) -> ServerRecord) {
        balance = upstream.balance
        servers = upstream.servers
        records = upstream.servers.map { record($0.address) }
    }

    /// The server for the next connection; its place is taken until the permit is released.
    ///
    /// `round_robin` is smooth weighted round robin; `least_connections` is the smallest number of connections for its
    /// weight, equals take turns. Servers that are drained, down, or unhealthy by their checks are left out,
    /// and so are those at their `max_connections` and those that rest, unless there is no other: then it is the one
    /// whose rest ends first.
    ///
    /// - Parameter excluding: servers that this request has tried.
    public func pick(excluding: Set<Address> = [], now: NIODeadline) -> Result<ServerPermit, SelectionFailure> {
        // One pick at a time, so that no two see the same place free.
        next.withLock { next in
            let candidates = servers.indices.compactMap { index -> Candidate? in
                let server = servers[index]
                guard server.state == .active, !excluding.contains(server.address) else { return nil }
                let state = records[index].read()
                return state.isDrained || state.health?.standing == .unhealthy
                    ? nil : Candidate(index: index, server: server, state: state)
            }
            guard !candidates.isEmpty else { return .failure(.noneLeft) }
            var open = candidates.filter { !$0.isFull }
            while !open.isEmpty {
                let awake = open.filter { $0.state.availableFrom <= now }
                let winner =
                    awake.isEmpty
                    ? open.min { $0.state.availableFrom < $1.state.availableFrom } : balanced(awake, next: &next)
                guard let winner else { break }
                // Another configuration's selector may have taken the last place meanwhile.
                if let permit = records[winner.index].take(cap: winner.server.maxConnections, now: now) {
                    return .success(permit)
                }
                open.removeAll { $0.index == winner.index }
            }
            return .failure(.allAtCapacity)
        }
    }

    private struct Candidate {
        let index: Int
        let server: ServerConfiguration
        let state: ServerRecord.State

        var weight: Int { max(1, server.weight) }
        var isFull: Bool { server.maxConnections > 0 && state.active >= server.maxConnections }
    }

    private func balanced(_ candidates: [Candidate], next: inout Int) -> Candidate? {
        switch balance {
        case .roundRobin: nextInRotation(candidates)
        case .leastConnections: leastConnected(candidates, next: &next)
        }
    }

    private func nextInRotation(_ candidates: [Candidate]) -> Candidate? {
        var total = 0
        var best: (candidate: Candidate, credit: Int)?
        for candidate in candidates {
            total += candidate.weight
            let credit = records[candidate.index].addCredit(candidate.weight)
            if best.map({ credit > $0.credit }) ?? true { best = (candidate, credit) }
        }
        if let best { _ = records[best.candidate.index].addCredit(-total) }
        return best?.candidate
    }

    private func leastConnected(_ candidates: [Candidate], next: inout Int) -> Candidate? {
        // Those at and after `next` first, as `min` takes the first of equals.
        let first = next
        let turned = candidates.filter { $0.index >= first } + candidates.filter { $0.index < first }
        // active / weight, multiplied out; connections times 1000 stay far from overflowing.
        let winner = turned.min { $0.state.active * $1.weight < $1.state.active * $0.weight }
        if let winner { next = winner.index + 1 }
        return winner
    }
}

/// Why no server could be chosen.
public enum SelectionFailure: Error, Equatable, Sendable {
    /// Each server left has its `max_connections`.
    case allAtCapacity
    /// Each server was tried already, or takes no connections.
    case noneLeft

    /// How the client is refused: with 503 or 502.
    public var refusal: Refusal {
        switch self {
        case .allAtCapacity: .serverMaxConnections
        case .noneLeft: .noServer
        }
    }
}
