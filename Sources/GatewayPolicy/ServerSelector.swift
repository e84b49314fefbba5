public import GatewayConfig
public import NIOCore
import Synchronization

/// Chooses which server of an upstream gets the next connection, as one configuration says, and keeps away from those
/// that fail. What is known of the servers (``ServerRecord``) outlives it.
///
/// Shared by all event loops, called once a handshake.
public final class ServerSelector: Sendable {
    private let balance: UpstreamConfiguration.Balance
    private let slowStart: TimeAmount
    private let turn: Mutex<Turn>

    /// Those to choose among.
    private struct Members {
        let servers: [ServerConfiguration]
        let records: [ServerRecord]
        /// The places in `servers` of each priority, the first group first.
        let groups: [[Int]]
        /// nil: nobody asks for it.
        let affinity: ServerAffinity?

        init(_ members: [Member], balance: UpstreamConfiguration.Balance) {
            let servers = members.map(\.configuration)
            self.servers = servers
            records = members.map(\.record)
            groups = Dictionary(grouping: servers.indices) { servers[$0].priority }
                .sorted { $0.key < $1.key }.map(\.value)
            affinity = if case .hash = balance { ServerAffinity(servers.map(\.address)) } else { nil }
        }
    }

    /// What one choice leaves to the next.
    private struct Turn {
        var members: Members
        /// Where the search for the least connected begins, so that equals take turns.
        var next = 0
        var draws: SplitMix64
    }

    /// A server: what its entry of the configuration says, with an address of its own where the entry stands for several,
    /// and what is known of it.
    public typealias Member = (configuration: ServerConfiguration, record: ServerRecord)

    /// - Parameters:
    ///   - members: those to choose among, each address once.
    ///   - upstream: says how.
    ///   - seed: of the random choices, where there are any.
    public init(_ members: [Member], of upstream: UpstreamConfiguration, seed: UInt64) {
        balance = upstream.balance
        slowStart = TimeAmount(upstream.slowStart)
        turn = Mutex(Turn(members: Members(members, balance: balance), draws: SplitMix64(seed: seed)))
    }

    /// Chooses among these from now on: names have come to stand for other servers. What is known of those that stay
    /// remains, and whoever has a place keeps it.
    public func follow(_ members: [Member]) {
        let members = Members(members, balance: balance)
        turn.withLock { $0.members = members }
    }

    /// The server for the next connection; its place is taken until the permit is released.
    ///
    /// `round_robin` is smooth weighted round robin; `least_connections` is the smallest number of connections for its
    /// weight, equals take turns; `random_two` is that among two drawn by weight; `hash` is ``ServerAffinity``. Servers
    /// that are drained, down, or unhealthy by their checks are left out, and so are those at their `max_connections` and
    /// those that rest. A group is asked only when the ones before it leave nobody. When all rest, it is the one whose
    /// rest ends first.
    ///
    /// - Parameters:
    ///   - excluding: servers that this request has tried.
    ///   - preferred: the server that the client is to come back to, if it takes connections, whatever the balance.
    ///   - key: what `hash` goes by (``SelectionKey``); nothing else looks at it.
    public func pick(
        excluding: Set<Address> = [], preferring preferred: Address? = nil, key: UInt64 = 0, now: NIODeadline
    ) -> Result<ServerPermit, SelectionFailure> {
        // One pick at a time, so that no two see the same place free.
        turn.withLock { turn in
            var open: [[Candidate]] = []
            var isAnyLeft = false
            let members = turn.members
            for group in members.groups {
                let candidates = group.compactMap { candidate($0, of: members, excluding: excluding, now: now) }
                isAnyLeft = isAnyLeft || !candidates.isEmpty
                open.append(candidates.filter { !$0.isFull })
            }
            guard isAnyLeft else { return .failure(.noneLeft) }
            while let winner = back(to: preferred, in: open, of: members, now: now)
                ?? best(of: open, key: key, now: now, turn: &turn)
            {
                // Another configuration's selector may have taken the last place meanwhile.
                if let permit = winner.record.take(cap: winner.cap, now: now) {
                    return .success(permit)
                }
                for group in open.indices { open[group].removeAll { $0.index == winner.index } }
            }
            return .failure(.allAtCapacity)
        }
    }

    /// Where those wait who find all servers of an upstream full: by selector, as each configuration has its own servers
    /// and caps.
    public typealias Lines = WaitingLines<ObjectIdentifier, ServerPermit>

    /// As ``pick(excluding:preferring:key:now:)`` for a request that has tried no server yet; who finds all servers full
    /// waits in the route's `queue`, if it has one with room, until a place on any of them is free.
    ///
    /// - Parameters:
    ///   - lines: those that the servers know of.
    ///   - clock: the time, whenever a server is looked for.
    ///   - tell: what came of waiting.
    public func place(
        for route: RouteConfiguration, preferring preferred: Address? = nil, key: UInt64 = 0, in lines: Lines,
        clock: @escaping @Sendable () -> NIODeadline, tell: @escaping Lines.Tell
    ) -> Lines.Entry {
        if route.queue == nil, !lines.isAnyoneWaiting {
            return .init(pick(preferring: preferred, key: key, now: clock()).mapError(\.refusal))
        }
        return lines.enter(
            ObjectIdentifier(self), group: route.name, size: route.queue?.size ?? 0, orElse: .serverMaxConnections,
            attempt: { [self] in
                switch pick(preferring: preferred, key: key, now: clock()) {
                case .success(let permit): .place(permit)
                case .failure(.allAtCapacity): .full
                case .failure(let failure): .refused(failure.refusal)
                }
            }, tell: tell)
    }

    private func candidate(
        _ index: Int, of members: Members, excluding: Set<Address>, now: NIODeadline
    ) -> Candidate? {
        let record = members.records[index]
        guard members.servers[index].state == .active,
            excluding.isEmpty || !excluding.contains(members.servers[index].address),
            let standing = record.standing(slowStart: slowStart, now: now)
        else { return nil }
        let weight = Double(members.servers[index].weight) * Candidate.unit * standing.share
        return Candidate(
            index: index, record: record, cap: members.servers[index].maxConnections, standing: standing,
            weight: max(1, Int(weight.rounded())))
    }

    private func back(
        to preferred: Address?, in groups: [[Candidate]], of members: Members, now: NIODeadline
    ) -> Candidate? {
        guard let preferred else { return nil }
        return groups.joined().first {
            members.servers[$0.index].address == preferred && $0.standing.availableFrom <= now
        }
    }

    private func best(
        of groups: [[Candidate]], key: UInt64, now: NIODeadline, turn: inout Turn
    ) -> Candidate? {
        for group in groups {
            let awake = group.filter { $0.standing.availableFrom <= now }
            if !awake.isEmpty { return balanced(awake, key: key, turn: &turn) }
        }
        return groups.joined().min { $0.standing.availableFrom < $1.standing.availableFrom }
    }

    private struct Candidate {
        /// What a weight of 1 counts as, so that a tenth of it is a number too.
        static let unit = 1000.0

        let index: Int
        let record: ServerRecord
        /// How many connections it may have; 0: any number.
        let cap: Int
        let standing: ServerRecord.Standing
        /// In ``unit``s, as far as a slow start has come.
        let weight: Int

        var isFull: Bool { cap > 0 && standing.active >= cap }

        /// active / weight, multiplied out; connections times a million stay far from overflowing.
        func isLessLoaded(than other: Candidate) -> Bool {
            standing.active * other.weight < other.standing.active * weight
        }
    }

    private func balanced(_ candidates: [Candidate], key: UInt64, turn: inout Turn) -> Candidate? {
        switch balance {
        case .roundRobin: nextInRotation(candidates)
        case .leastConnections: leastConnected(candidates, next: &turn.next)
        case .randomTwo: lessLoadedOfTwo(candidates, &turn.draws)
        case .hash: nearest(candidates, to: key, by: turn.members.affinity)
        }
    }

    private func nextInRotation(_ candidates: [Candidate]) -> Candidate? {
        var total = 0
        var best: (candidate: Candidate, credit: Int)?
        for candidate in candidates {
            total += candidate.weight
            let credit = candidate.record.addCredit(candidate.weight)
            if best.map({ credit > $0.credit }) ?? true { best = (candidate, credit) }
        }
        if let best { _ = best.candidate.record.addCredit(-total) }
        return best?.candidate
    }

    private func leastConnected(_ candidates: [Candidate], next: inout Int) -> Candidate? {
        // Those at and after `next` come first among equals, and then the others.
        let first = next
        var winner: Candidate?
        for isBefore in [false, true] {
            for candidate in candidates where (candidate.index < first) == isBefore {
                if winner.map({ candidate.isLessLoaded(than: $0) }) ?? true { winner = candidate }
            }
        }
        if let winner { next = winner.index + 1 }
        return winner
    }

    private func lessLoadedOfTwo(_ candidates: [Candidate], _ draws: inout SplitMix64) -> Candidate? {
        guard let first = drawn(candidates, &draws) else { return nil }
        guard let second = drawn(candidates.filter { $0.index != first.index }, &draws) else { return first }
        return second.isLessLoaded(than: first) ? second : first
    }

    /// One by chance, the heavier the likelier.
    private func drawn(_ candidates: [Candidate], _ draws: inout SplitMix64) -> Candidate? {
        let total = candidates.reduce(0) { $0 + $1.weight }
        guard total > 0 else { return nil }
        var left = Int(draws.next(upperBound: UInt64(total)))
        for candidate in candidates {
            if left < candidate.weight { return candidate }
            left -= candidate.weight
        }
        return candidates.last
    }

    /// The one that the key comes first at among those below their bound: their share of the connections that there
    /// would be with this one, and a quarter more. One is always below it.
    private func nearest(_ candidates: [Candidate], to key: UInt64, by affinity: ServerAffinity?) -> Candidate? {
        let connections = Double(candidates.reduce(1) { $0 + $1.standing.active })
        let weights = Double(candidates.reduce(0) { $0 + $1.weight })
        let bound = balance.slack * connections / weights
        let below = candidates.filter { Double($0.standing.active) < bound * Double($0.weight) }
        guard let affinity else { return below.first }
        return below.map { (candidate: $0, distance: affinity.distance(of: $0.index, weight: $0.weight, from: key)) }
            .min { $0.distance < $1.distance }?.candidate
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
