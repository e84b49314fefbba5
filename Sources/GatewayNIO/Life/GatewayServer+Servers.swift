import GatewayConfig
import GatewayPolicy
import NIOCore

/// How the servers stand, for whoever watches.
extension GatewayServer {
    /// Whether any server of any upstream takes connections; so it is where there is no upstream at all.
    public var hasServerUp: Bool {
        let generation = generation
        guard !generation.upstreams.isEmpty else { return true }
        let now = NIODeadline.now()
        return generation.upstreams.values.contains { upstream in
            upstream.configuration.servers.contains { server in
                guard server.state == .active, let live = upstream.server(server.address) else { return false }
                let state = live.record.snapshot(now: now)
                return !state.isDrained && !state.isResting && !live.record.isUnreachable
                    && live.record.health?.standing != .unhealthy
            }
        }
    }

    /// `active`, `draining`, `down`, or `removed`: the configuration does not name it any more.
    public func state(of server: LiveServer, in upstream: String) -> String {
        let configured = generation.upstreams[upstream]?.configuration.servers.first { $0.address == server.address }
        guard let configured else { return "removed" }
        if configured.state == .active, server.record.isDrained { return "draining" }
        return configured.state.rawValue
    }
}
