import GatewayConfig
import GatewayPolicy
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// One entry of an upstream's `servers` as it lives through configurations: one server, or those that its name stands
/// for, as lookups find them.
///
/// Shared by all event loops. A name is looked up by one thread at a time, and at most once a second; a name whose lookup
/// hangs holds up no other.
final class ServerEntry: Sendable {
    /// Between two lookups of a name.
    static let leastInterval = TimeAmount.seconds(1)
    /// A lookup can't be cancelled, so each has a thread until the system's resolver gives it up.
    private static let threads = {
        let threads = NIOThreadPool(numberOfThreads: 32)
        threads.start()
        return threads
    }()

    private struct State {
        var expansion = NameExpansion<SocketAddress>()
        /// By number.
        var servers: [Int: LiveServer] = [:]
        var isKnown = false
        var isLookingUp = false
        var mayLookUpAt = NIODeadline.distantPast
        var waiting: [EventLoopPromise<Void>] = []
        /// When a reload brought the entry in.
        var joined: NIODeadline?
        var isDrained = false
    }

    /// As it is configured.
    let address: Address
    private let name: (host: String, port: Int)?
    private let upstream: LiveUpstream
    private let state: Mutex<State>

    init(_ address: Address, of upstream: LiveUpstream) {
        self.address = address
        self.upstream = upstream
        let known = SocketAddress(address)
        if known == nil, case .tcp(let host, let port) = address { name = (host, port) } else { name = nil }
        state = Mutex(State())
        let found: [NameExpansion<SocketAddress>.Found]
        if let known {
            found = [.init(known, isIPv6: known.protocol == .inet6)]
        } else {
            // The entry was gone for a while: WebSockets have kept some of its servers.
            found = survivors().filter { !$0.hasLeft }.flatMap(\.addresses.all)
                .map { .init($0, isIPv6: $0.protocol == .inet6) }
        }
        state.withLock { state in
            state.expansion.update(found)
            _ = apply(&state)
        }
    }

    var isName: Bool { name != nil }

    /// In the order in which they came.
    var servers: [LiveServer] {
        state.withLock { state in state.expansion.servers.compactMap { state.servers[$0.id] } }
    }

    /// A reload brought the entry in.
    func joined(now: NIODeadline) {
        let servers = state.withLock { state in
            state.joined = now
            return Array(state.servers.values)
        }
        for server in servers { server.record.joined(now: now) }
    }

    /// Somebody asked for all that the name stands for to be drained, or not to be any more: those that come later too.
    func setDrained(_ isDrained: Bool) { state.withLock { $0.isDrained = isDrained } }

    // MARK: Lookups

    /// Looks the name up, off the event loops. A name that does not resolve keeps the servers it had.
    ///
    /// - Returns: done when a lookup has ended: one that was under way, or a new one. nil: there is no name, or it was
    ///   looked up just now.
    func lookUp(on eventLoop: any EventLoop, now: NIODeadline) -> EventLoopFuture<Void>? {
        guard let name else { return nil }
        let promise = eventLoop.makePromise(of: Void.self)
        let (waits, begins) = state.withLock { state in
            guard state.isLookingUp || now >= state.mayLookUpAt else { return (false, false) }
            state.waiting.append(promise)
            defer { state.isLookingUp = true }
            return (true, !state.isLookingUp)
        }
        if begins {
            Self.threads.submit { _ in
                self.finish(Result { try ServerAddresses.lookUp(name.host, port: name.port) })
            }
        }
        guard waits else {
            promise.succeed()
            return nil
        }
        return promise.futureResult
    }

    /// A lookup has ended. Any thread.
    func finish(_ result: Result<[SocketAddress], any Error>) {
        let (change, isNews, waiting) = state.withLock { state in
            var change = Change()
            let wasKnown = state.isKnown
            if case .success(let found) = result {
                state.expansion.update(found.map { .init($0, isIPv6: $0.protocol == .inet6) })
                change = apply(&state, joining: wasKnown ? .now() : state.joined)
                state.isKnown = true
            }
            state.isLookingUp = false
            state.mayLookUpAt = .now() + Self.leastInterval
            defer { state.waiting = [] }
            return (change, wasKnown, state.waiting)
        }
        if case .failure(let error) = result {
            upstream.logger.warning("name lookup failed", metadata: metadata(["reason": "\(error)"]))
        }
        if !change.isEmpty { upstream.membershipChanged() }
        if isNews { log(change) }
        for promise in waiting { promise.succeed() }
    }

    // MARK: Servers that come and go

    private struct Change {
        var joined: [LiveServer] = []
        var left: [LiveServer] = []
        var isEmpty = true
    }

    /// Makes the servers those of the expansion.
    ///
    /// - Parameter joining: when a slow start of those that come begins; nil: they have none.
    private func apply(_ state: inout State, joining: NIODeadline? = nil) -> Change {
        var change = Change()
        let old = state.servers
        state.servers = [:]
        lazy var known = Dictionary(
            survivors().flatMap { live in live.addresses.all.map { ($0, live) } },
            uniquingKeysWith: { first, _ in first })
        let wanted = state.expansion.servers
        for server in wanted {
            let live =
                old[server.id] ?? server.addresses.lazy.compactMap { known[$0.address] }.first
                ?? upstream.makeServer(address)
            if old[server.id] == nil, live.entry == nil {
                if let joining { live.record.joined(now: joining) }
                if state.isDrained { _ = live.record.setDrained(true) }
                change.joined.append(live)
            }
            live.addresses.update(server.addresses)
            live.join(self)
            state.servers[server.id] = live
            let own = wanted.count > 1 ? server.addresses.first?.address.asConfigured : nil
            if live.record.rename(own ?? address) { change.isEmpty = false }
        }
        let kept = Set(state.servers.values.map { ObjectIdentifier($0) })
        change.left = old.values.filter { !kept.contains(ObjectIdentifier($0)) }
        for live in change.left {
            live.leave()
            // Whoever stays may be called by the name.
            if let own = live.addresses.all.first?.asConfigured { _ = live.record.rename(own) }
        }
        change.isEmpty = change.isEmpty && change.joined.isEmpty && change.left.isEmpty
        return change
    }

    /// Servers of this entry that are used by somebody, those that have left too.
    private func survivors() -> [LiveServer] { upstream.liveServers.filter { $0.configured == address } }

    private func log(_ change: Change) {
        for live in change.joined {
            upstream.logger.info("server joined", metadata: metadata(["server": "\(live.address)"]))
        }
        for live in change.left {
            upstream.logger.info("server left", metadata: metadata(["server": "\(live.address)"]))
        }
    }

    private func metadata(_ more: Logger.Metadata) -> Logger.Metadata {
        let all: Logger.Metadata = ["upstream": "\(upstream.name)", "name": "\(address)"]
        return all.merging(more) { $1 }
    }

    // MARK: The other family

    /// Where else to try connections when none comes about to this server; empty as long as one of the name's servers is
    /// known to be reachable.
    func probes(for server: LiveServer) -> FamilyProbes {
        let (standby, servers) = state.withLock { ($0.expansion.standby, Array($0.servers.values)) }
        guard !standby.isEmpty, servers.contains(where: { $0 === server }),
            !servers.contains(where: { $0.record.isKnownReachable })
        else { return FamilyProbes() }
        return FamilyProbes(
            others: servers.filter { $0 !== server && !$0.record.isUnreachable }, standby: standby)
    }

    /// One of the addresses in standby connects, and none of the servers: those of its family are the servers now.
    func use(familyOf address: SocketAddress) {
        let reached = state.withLock { state -> LiveServer? in
            guard state.expansion.use(familyOf: address) else { return nil }
            _ = apply(&state)
            return state.servers.values.first { $0.addresses.all.contains(address) }
        }
        guard let reached else { return }
        _ = reached.record.looked(isReachable: true, now: .now(), jitter: 0)
        upstream.membershipChanged()
        upstream.logger.notice(
            "address family changed",
            metadata: metadata(["family": address.protocol == .inet6 ? "IPv6" : "IPv4"]))
    }

    /// Whether another server of the name may do better than this one.
    func hasReachable(besides server: LiveServer) -> Bool {
        servers.contains { $0 !== server && $0.record.isKnownReachable }
    }
}
