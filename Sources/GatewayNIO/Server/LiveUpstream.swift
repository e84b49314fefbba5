import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
import Logging
import Synchronization

/// An upstream as it lives through configurations: its entries, found again by address, and the servers that these lead
/// to.
public final class LiveUpstream: Sendable {
    public let name: String
    private let entries = LiveRegistry<Address, ServerEntry>()
    private let servers = Mutex<[WeakServer]>([])
    private let membership = Atomic(0)
    /// Where those wait who find its servers full.
    let lines = ServerSelector.Lines()
    let logger: Logger
    /// How often there was no local port for a connection to one of its servers, counted for each address to connect from.
    public let portsExhausted = SharedGauge()

    private struct WeakServer: Sendable {
        weak var server: LiveServer?
    }

    init(name: String, logger: Logger) {
        self.name = name
        self.logger = logger
    }

    /// An address to connect from can't be had.
    func warn(_ failure: ForeignSource) {
        logger.warning("source address can't be used", metadata: ["upstream": "\(name)", "reason": "\(failure)"])
    }

    func entry(_ address: Address) -> ServerEntry {
        entries.find(address) { ServerEntry(address, of: self) }
    }

    /// Another number whenever names have come to stand for other servers.
    var membershipVersion: Int { membership.load(ordering: .acquiring) }

    func membershipChanged() { membership.wrappingAdd(1, ordering: .releasing) }

    /// Those that a configuration names, or a session or shared connection still uses.
    public var liveServers: [LiveServer] { servers.withLock { $0.compactMap(\.server) } }

    func makeServer(_ configured: Address) -> LiveServer {
        let server = LiveServer(configured, of: self)
        servers.withLock { servers in
            servers.removeAll { $0.server == nil }
            servers.append(WeakServer(server: server))
        }
        return server
    }
}
