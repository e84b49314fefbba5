public import GatewayConfig
public import GatewayPolicy
public import GatewayTelemetry
import Logging
import NIOCore
import Synchronization

/// An upstream as it lives through configurations: its servers, found again by address.
public final class LiveUpstream: Sendable {
    public let name: String
    private let servers = LiveRegistry<Address, LiveServer>()
    /// Where those wait who find its servers full.
    let lines = ServerSelector.Lines()
    private let logger: Logger
    /// How often there was no local port for a connection to one of its servers, counted for each address to connect from.
    public let portsExhausted = SharedGauge()

    /// An address to connect from can't be had.
    func warn(_ failure: ForeignSource) {
        logger.warning("source address can't be used", metadata: ["upstream": "\(name)", "reason": "\(failure)"])
    }

    init(name: String, logger: Logger) {
        self.name = name
        self.logger = logger
    }

    func server(_ address: Address) -> LiveServer {
        servers.find(address) { LiveServer(address, of: self, logger: logger) }
    }

    /// Those that a configuration names, or a session or shared connection still uses.
    public var liveServers: [LiveServer] { servers.all }
}

/// One server of an upstream as it lives through configurations: what is known of it, where it is found, what is open
/// to it.
public final class LiveServer: Sendable {
    public let address: Address
    /// Kept as long as one of its servers.
    let upstream: LiveUpstream
    public let record: ServerRecord
    /// Transport connections.
    public let connections = SharedGauge()
    /// Streams on those that are HTTP/2.
    public let streams = SharedGauge()
    let addresses: ServerAddresses
    /// Until when it is taken for one without HTTP/2, and without WebSockets over it, where `protocol` is `auto`.
    private let http1Until = Mutex((all: NIODeadline.distantPast, webSockets: NIODeadline.distantPast))

    init(_ address: Address, of upstream: LiveUpstream, logger: Logger) {
        self.address = address
        self.upstream = upstream
        record = ServerRecord(address: address, lines: upstream.lines)
        addresses = ServerAddresses(address, upstream: upstream.name, logger: logger)
    }

    /// How long a server that had no HTTP/2, or no WebSockets over it, is not asked again.
    static let http1Memory = TimeAmount.minutes(10)

    /// Whether the server may have HTTP/2, and WebSockets over it (RFC 8441) where one is asked for, as far as it is known.
    func mayHaveHTTP2(forWebSocket: Bool, now: NIODeadline) -> Bool {
        http1Until.withLock { $0.all <= now && (!forWebSocket || $0.webSockets <= now) }
    }

    /// It turned out to have no HTTP/2.
    func lacksHTTP2(now: NIODeadline) { http1Until.withLock { $0.all = now + Self.http1Memory } }

    /// It turned out to have no WebSockets over HTTP/2; other requests may go on.
    func lacksWebSocketsOverHTTP2(now: NIODeadline) {
        http1Until.withLock { $0.webSockets = now + Self.http1Memory }
    }
}
