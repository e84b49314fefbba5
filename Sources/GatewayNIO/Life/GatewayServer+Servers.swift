public import GatewayConfig
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
            upstream.servers.members.contains { server in
                guard server.configuration.state == .active else { return false }
                let record = server.live.record
                let state = record.snapshot(now: now)
                return !state.isDrained && !state.isResting && !record.isUnreachable
                    && record.health?.standing != .unhealthy
            }
        }
    }

    /// What the configuration in force says of a server; nil: it does not name it.
    public func configuration(of server: LiveServer, in upstream: String) -> ServerConfiguration? {
        generation.upstreams[upstream]?.configuration(of: server)
    }

    /// `active`, `draining`, `down`, or `removed`: the configuration does not name it any more, or its name does not stand
    /// for it.
    public func state(of server: LiveServer, in upstream: String) -> String {
        guard let configured = generation.upstreams[upstream]?.configuration(of: server) else { return "removed" }
        if configured.state == .active, server.record.isDrained { return "draining" }
        return configured.state.rawValue
    }
}
