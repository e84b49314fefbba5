import GatewayConfig
import GatewayPolicy
import GatewaySession
public import GatewayTelemetry
import NIOCore
import SocketTransport
import WebSocketCore

/// The open WebSockets, one by one or many: to list them, and to close them.
extension GatewayServer {
    /// The open WebSockets that the filter lets through, as it sorts them.
    ///
    /// Each loop looks through its own, and describes in full those alone that may come to stand on the page.
    public func connections(_ asked: ConnectionFilter) async -> ConnectionList {
        guard let filter = SessionFilter(asked) else { return ConnectionList() }
        let descending = asked.descending ?? asked.sort.isDescending
        let (offset, limit) = (asked.offset, asked.limit)
        var found: [ConnectionSort.Ranked<ConnectionSnapshot>] = []
        var total = 0
        // One moment for all loops: their ages are comparable.
        let now = NIODeadline.now()
        for loop in loops {
            let part = try? await loop.eventLoop.submit {
                let ranked = loop.context.value.sessions.compactMap { id, driver in
                    filter.matches(driver.info, id: id)
                        ? ConnectionSort.Ranked(key: driver.sortKey(asked.sort, at: now), id: id, value: driver) : nil
                }
                let first = ConnectionSort.page(ranked, descending: descending, limit: offset + limit)
                let described = first.map {
                    ConnectionSort.Ranked(key: $0.key, id: $0.id, value: $0.value.snapshot(at: now))
                }
                return (described, ranked.count)
            }.get()
            found += part?.0 ?? []
            total += part?.1 ?? 0
        }
        let page = ConnectionSort.page(found, descending: descending, offset: offset, limit: limit)
        return ConnectionList(page.map(\.value), total: total)
    }

    /// Ends one WebSocket with this Close, once the messages in flight are through; false when there is none.
    public func close(_ id: UInt64, code: UInt16, reason: String) async -> Bool {
        let payload = ClosePayload(code: CloseCode(rawValue: code), reason: reason)
        for loop in loops {
            let isFound = try? await loop.eventLoop.submit {
                guard let driver = loop.context.value.sessions[id] else { return false }
                driver.close(payload, grace: Self.closeGrace)
                return true
            }.get()
            if isFound == true { return true }
        }
        return false
    }

    private static let closeGrace = TimeAmount.seconds(5)

    /// Ends every WebSocket that the filter lets through with this Close, between two messages, at that pace.
    ///
    /// - Parameter perSecond: nil: all at once.
    /// - Returns: how many there are now.
    public func closeMany(_ asked: ConnectionFilter, code: UInt16, reason: String, perSecond: Double?) async -> Int {
        guard let filter = SessionFilter(asked) else { return 0 }
        let targets = await sessions { filter.matches($0, id: nil) }
        let shedding = Shedding(
            payload: ClosePayload(code: CloseCode(rawValue: code), reason: reason), grace: Self.closeGrace)
        if let perSecond {
            let operation = process.operations.begin(
                "close", subject: asked.subject, total: targets.count, perSecond: perSecond)
            Task {
                await shedding.run(targets, perSecond: perSecond, operation: operation)
                process.operations.end(operation)
            }
        } else {
            await shedding.run(targets, perSecond: nil)
        }
        return targets.count
    }

    /// What came of wishing a server or an upstream to shed sessions.
    public enum ServerChange: Equatable, Sendable {
        /// So many sessions are to end.
        case begun(sockets: Int)
        case noUpstream
        case noServer
        case refused(String)
    }

    /// No new WebSockets for a server, and an end for those it has: a Close between two messages, at that pace.
    ///
    /// - Parameters:
    ///   - address: of a server, or a name in the configuration, which means all that it stands for.
    ///   - perSecond: nil: spread over `drain.spread`.
    public func drainServer(upstream: String, address: String, perSecond: Double?) async -> ServerChange {
        guard let upstream = generation.upstreams[upstream] else { return .noUpstream }
        let (servers, entry) = upstream.servers(called: address)
        guard !servers.isEmpty else { return .noServer }
        entry?.setDrained(true)
        for server in servers { _ = server.record.setDrained(true) }
        let targets = await sessions { session in servers.contains { $0 === session.server.live } }
        await shed(
            targets, payload("server draining"), perSecond: perSecond, as: "drain server", of: address
        ) {
            servers.contains { $0.record.isDrained }
        }
        return .begun(sockets: targets.count)
    }

    /// New WebSockets for a server again; what has not been closed yet stays open.
    public func undrainServer(upstream: String, address: String) -> ServerChange {
        guard let upstream = generation.upstreams[upstream] else { return .noUpstream }
        let (servers, entry) = upstream.servers(called: address)
        guard let server = servers.first else { return .noServer }
        let state = upstream.configuration.servers.first { $0.address == server.configured }?.state ?? .active
        guard state == .active else {
            return .refused("the configuration says state: \(state.rawValue); change it there and reload")
        }
        entry?.setDrained(false)
        for server in servers { _ = server.record.setDrained(false) }
        return .begun(sockets: 0)
    }

    /// Ends the surplus of the fuller servers at that pace, until the WebSockets of an upstream match its weights:
    /// clients come back, and the balance puts them where there is room.
    ///
    /// - Parameter perSecond: nil: spread over `drain.spread`.
    public func rebalance(upstream name: String, perSecond: Double?) async -> ServerChange {
        guard let upstream = generation.upstreams[name] else { return .noUpstream }
        let targets = await surplus(of: upstream)
        let shedding = Shedding(
            payload: payload("rebalancing"), grace: TimeAmount(generation.configuration.drain.timeout))
        let operation = process.operations.begin(
            "rebalance", subject: name, total: targets.count, perSecond: pace(perSecond, of: targets))
        Task {
            defer { process.operations.end(operation) }
            var targets = targets
            // Where clients come back to depends on them and the balance; so it is looked at again.
            for _ in 0..<Self.rebalancingRounds where !targets.isEmpty {
                await shedding.run(targets, perSecond: pace(perSecond, of: targets), operation: operation)
                try? await Task.sleep(for: .seconds(2))
                guard let upstream = generation.upstreams[name] else { return }
                targets = await surplus(of: upstream)
            }
        }
        return .begun(sockets: targets.count)
    }

    private static let rebalancingRounds = 10

    /// The oldest sessions of servers that have more than their share, as many as are too many.
    private func surplus(of upstream: Upstream) async -> [Shedding.Target] {
        let taking = upstream.servers.members.filter { server in
            let state = server.live.record.snapshot(now: .now())
            return server.configuration.state == .active && !state.isDrained && state.healthy
        }
        var byServer: [ObjectIdentifier: [Shedding.Target]] = [:]
        for server in taking {
            byServer[ObjectIdentifier(server.live)] = await sessions { $0.server.live === server.live }
        }
        let total = byServer.values.reduce(0) { $0 + $1.count }
        // Servers of later groups have no share as long as the first one takes connections.
        let group = taking.map(\.configuration.priority).min()
        let weights = taking.filter { $0.configuration.priority == group }
            .reduce(0) { $0 + max(1, $1.configuration.weight) }
        guard weights > 0 else { return [] }
        return taking.flatMap { server in
            let targets = byServer[ObjectIdentifier(server.live)] ?? []
            let weight = server.configuration.priority == group ? max(1, server.configuration.weight) : 0
            let fair = Double(total) * Double(weight) / Double(weights) * upstream.configuration.balance.slack
            let share = Int(fair.rounded(.up))
            return targets.prefix(max(0, targets.count - share))
        }
    }

    // MARK: Shedding

    /// The sessions that are not ending already, oldest first on each loop.
    private func sessions(where matches: @escaping @Sendable (SessionInfo) -> Bool) async -> [Shedding.Target] {
        var targets: [Shedding.Target] = []
        for loop in loops {
            targets +=
                (try? await loop.eventLoop.submit {
                    loop.context.value.sessions.filter { !$0.value.isEnding && matches($0.value.info) }.keys.sorted()
                        .map { Shedding.Target(loop: loop, id: $0) }
                }.get()) ?? []
        }
        return targets
    }

    private func payload(_ reason: String) -> ClosePayload {
        ClosePayload(code: CloseCode(rawValue: generation.configuration.drain.code), reason: reason)
    }

    /// Ends sessions: in the background, unless all go at once.
    func shed(
        _ targets: [Shedding.Target], _ payload: ClosePayload, perSecond: Double?, as kind: String, of subject: String,
        while isWanted: @escaping @Sendable () -> Bool = { true }
    ) async {
        let shedding = Shedding(payload: payload, grace: TimeAmount(generation.configuration.drain.timeout))
        guard let pace = pace(perSecond, of: targets) else { return await shedding.run(targets, perSecond: nil) }
        let operation = process.operations.begin(kind, subject: subject, total: targets.count, perSecond: pace)
        Task {
            await shedding.run(targets, perSecond: pace, operation: operation, isWanted: isWanted)
            process.operations.end(operation)
        }
    }

    /// Sessions a second; nil: all at once.
    private func pace(_ asked: Double?, of targets: [Shedding.Target]) -> Double? {
        let spread = generation.configuration.drain.spread / .seconds(1)
        return asked ?? (spread > 0 ? Double(targets.count) / spread : nil)
    }
}

/// A filter as sessions are compared with it.
private struct SessionFilter: Sendable {
    let route: String?
    let server: String?
    let client: ClientAddress?
    let search: SearchText?
    /// The number of the one that is searched for, where the text is a number.
    let id: SessionID?

    /// nil: nothing can match.
    init?(_ filter: ConnectionFilter) {
        route = filter.route
        server = filter.server
        search = filter.search.map(SearchText.init)
        id = filter.search.flatMap { SessionID(decimalDigits: $0) }
        client = filter.ip.flatMap { ClientAddress(parsing: $0) }
        if filter.ip != nil, client == nil { return nil }
    }

    func matches(_ info: SessionInfo, id: SessionID?) -> Bool {
        guard matchesNames(info) else { return false }
        guard let search else { return true }
        return self.id != nil && self.id == id || info.contains(search)
    }

    private func matchesNames(_ info: SessionInfo) -> Bool {
        (route == nil || info.route.name == route) && (server == nil || isCalled(info.server))
            && (client == nil || info.client == client)
    }

    private func isCalled(_ server: SessionServer) -> Bool {
        server.name == self.server || server.live?.configured.description == self.server
    }
}

extension ConnectionFilter {
    /// Whom it means, for people.
    fileprivate var subject: String { [route, server, ip].compactMap { $0 }.joined(separator: ", ") }
}
