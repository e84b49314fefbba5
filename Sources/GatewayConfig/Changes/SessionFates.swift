/// What becomes of open WebSockets, looked up by where they lead: a reload asks once for each.
struct SessionFates: Equatable, Sendable {
    private struct Server: Hashable, Sendable {
        var upstream: String
        var address: Address
    }

    private struct Route: Equatable, Sendable {
        /// For its being removed or changed.
        var fate: ChangeAction
        /// For what happens to its upstream and servers; of the new route if there is one.
        var onChange: OnChange
        /// False: nothing that happens to an upstream is new to it.
        var remains: Bool
    }

    private var routes: [String: Route] = [:]
    /// Upstreams that both have, and whose servers are spoken to in another way.
    private var respoken: Set<String> = []
    private var removed: Set<Server> = []
    /// Servers that were told to go.
    private var states: [Server: ChangeAction] = [:]

    init(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        readRoutes(from: old, to: new)
        readUpstreams(from: old, to: new)
    }

    func fate(route: String, upstream: String, server: Address) -> ChangeAction {
        let server = Server(upstream: upstream, address: server)
        // What a server is told holds for all its WebSockets, those of routes that are long gone too.
        var fate = states[server] ?? .keep
        guard let route = routes[route] else { return fate }
        fate = max(fate, route.fate)
        if removed.contains(server) { fate = max(fate, route.onChange.removed) }
        if route.remains, respoken.contains(upstream) { fate = max(fate, route.onChange.changed) }
        return fate
    }

    func fate(route: String) -> ChangeAction { routes[route]?.fate ?? .keep }

    private mutating func readRoutes(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        let after = new.routes.keyed(by: \.name)
        for route in old.routes {
            guard let next = after[route.name] else {
                routes[route.name] = Route(fate: route.onChange.removed, onChange: route.onChange, remains: false)
                continue
            }
            let isNoticed = Self.noticeable(route) != Self.noticeable(next)
            routes[route.name] = Route(
                fate: isNoticed ? next.onChange.changed : .keep, onChange: next.onChange, remains: true)
        }
    }

    private mutating func readUpstreams(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        let before = old.upstreams.keyed(by: \.name)
        let after = new.upstreams.keyed(by: \.name)
        for upstream in old.upstreams {
            let next = after[upstream.name]
            let kept = Set((next?.servers ?? []).map(\.address))
            for server in upstream.servers where !kept.contains(server.address) {
                removed.insert(Server(upstream: upstream.name, address: server.address))
            }
            guard let next else { continue }
            if Self.howSpokenTo(next) != Self.howSpokenTo(upstream) { respoken.insert(upstream.name) }
        }
        for upstream in new.upstreams {
            let known = (before[upstream.name]?.servers ?? []).keyed(by: \.address)
            for server in upstream.servers where server.state != known[server.address]?.state {
                let action: ChangeAction =
                    switch server.state {
                    case .active: .keep
                    case .draining: .drain
                    case .down: .close
                    }
                if action > .keep { states[Server(upstream: upstream.name, address: server.address)] = action }
            }
        }
    }

    /// `upstream` without what says whom to speak to, and when.
    private static func howSpokenTo(_ upstream: UpstreamConfiguration) -> UpstreamConfiguration {
        UpstreamConfiguration(
            name: upstream.name, protocol: upstream.protocol, servers: [], tls: upstream.tls, http2: upstream.http2,
            host: upstream.host, proxyProtocol: upstream.proxyProtocol, source: upstream.source)
    }

    /// `route` without what no WebSocket would notice once it is open: caps, which count new ones, who waits for a place,
    /// what becomes of other requests, the drafts that new ones may speak, and what happens in a case like this.
    private static func noticeable(_ route: RouteConfiguration) -> RouteConfiguration {
        var route = route
        route.maxConnections = 0
        route.maxConnectionsPerIP = 0
        route.queue = nil
        route.http = true
        route.maxBodySize = 0
        route.maxRequests = 0
        route.onChange = OnChange()
        route.legacyVersions = []
        return route
    }
}
