import GatewayConfig
import GatewayPolicy
import NIOCore

/// One upstream as a generation has it: whom to choose, and how to speak to them. The servers themselves outlive it.
final class Upstream: Sendable {
    let configuration: UpstreamConfiguration
    let live: LiveUpstream
    let selector: ServerSelector
    let sticky: StickyCookie?
    let transport: UpstreamTransport
    private let servers: [Address: LiveServer]
    /// Those that took no connections in the generation before, which had this upstream.
    let newServers: [LiveServer]

    /// - Throws: `TLSMaterialError` for an upstream's trust roots.
    init(_ configuration: UpstreamConfiguration, live: LiveUpstream, previous: Upstream?) throws {
        self.configuration = configuration
        self.live = live
        var servers: [Address: LiveServer] = [:]
        for server in configuration.servers { servers[server.address] = live.server(server.address) }
        self.servers = servers
        let known = previous.map { previous in
            Set(previous.configuration.servers.filter { $0.state == .active }.map(\.address))
        }
        newServers = configuration.servers.compactMap { server in
            guard let known, server.state == .active, !known.contains(server.address) else { return nil }
            return servers[server.address]
        }
        let seed = UInt64.random(in: .min ... .max)
        selector = ServerSelector(upstream: configuration, seed: seed) { address in
            servers[address]?.record ?? live.server(address).record
        }
        sticky = StickyCookie(configuration)
        transport = try UpstreamTransport.make(configuration, previous: previous?.transport)
    }

    var allServers: [LiveServer] { configuration.servers.compactMap { servers[$0.address] } }

    /// nil: the configuration does not name it.
    func server(_ address: Address) -> LiveServer? { servers[address] }

    /// Whether a server is to be asked over HTTP/2 now.
    func usesHTTP2(_ server: LiveServer, forWebSocket: Bool, now: NIODeadline) -> Bool {
        switch configuration.protocol {
        case .http1: false
        case .http2: true
        case .auto: server.mayHaveHTTP2(forWebSocket: forWebSocket, now: now)
        }
    }
}
