public import GatewayConfig
public import GatewayPolicy
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// One upstream as it runs: whom to choose, where they are, and how to speak TLS to them.
public final class Upstream: Sendable {
    public let configuration: UpstreamConfiguration
    public let selector: ServerSelector
    /// By server.
    public let gauges: [ServerGauge]
    /// TLS contexts by what they offer; empty: cleartext.
    private let tlsContexts: [[ApplicationProtocol]: NIOSSLContext]
    /// Until when each server is taken for one without WebSockets over HTTP/2, where `protocol` is `auto`.
    private let http1Until: Mutex<[NIODeadline]>
    /// By server.
    let addresses: [ServerAddresses]

    init(_ configuration: UpstreamConfiguration, logger: Logger) throws {
        self.configuration = configuration
        selector = ServerSelector(upstream: configuration)
        gauges = configuration.servers.map { _ in ServerGauge() }
        http1Until = Mutex(configuration.servers.map { _ in .distantPast })
        var contexts: [[ApplicationProtocol]: NIOSSLContext] = [:]
        for protocols in [[.http1], [.http2], [.http2, .http1]] as [[ApplicationProtocol]] {
            guard let tls = configuration.tls else { break }
            var settings = TLSConfiguration.makeClientConfiguration()
            if let ca = tls.ca { settings.trustRoots = .file(ca) }
            if !tls.verify { settings.certificateVerification = .none }
            // As with clients: a closed connection need not wait for the peer's close_notify for long.
            settings.shutdownTimeout = .seconds(1)
            settings.applicationProtocols = protocols.map(\.rawValue)
            contexts[protocols] = try TLSMaterial.context(settings, files: nil, authorities: tls.ca)
        }
        tlsContexts = contexts
        addresses = configuration.servers.map {
            ServerAddresses($0.address, upstream: configuration.name, logger: logger)
        }
    }

    /// nil: cleartext.
    func tls(offering protocols: [ApplicationProtocol]) -> NIOSSLContext? { tlsContexts[protocols] }

    /// How long a server that had no WebSockets over HTTP/2 is not asked again.
    static let http1Memory = TimeAmount.minutes(10)

    /// Whether a server is to be spoken to over HTTP/2 now.
    func usesHTTP2(_ server: Int, now: NIODeadline) -> Bool {
        switch configuration.protocol {
        case .http1: false
        case .http2: true
        case .auto: http1Until.withLock { $0[server] <= now }
        }
    }

    /// A server turned out to have no WebSockets over HTTP/2.
    func lacksHTTP2(_ server: Int, now: NIODeadline) {
        http1Until.withLock { $0[server] = now + Self.http1Memory }
    }

    /// The name a server's certificate must carry; nil for an address, which is no name (RFC 6066 §3).
    func tlsServerName(of server: Int) -> String? {
        if let name = configuration.tls?.serverName { return name }
        guard case .tcp(let host, _) = configuration.servers[server].address,
            (try? SocketAddress(ipAddress: host, port: 0)) == nil
        else { return nil }
        return host
    }
}

/// What is open to one server, from all event loops.
public final class ServerGauge: Sendable {
    /// Transport connections.
    public let connections = SharedGauge()
    /// Streams on those that are HTTP/2.
    public let streams = SharedGauge()
}

/// A number that goes up and down, written and read by any thread.
public struct SharedGauge: ~Copyable, Sendable {
    private let storage = Atomic<Int>(0)

    public func add(_ amount: Int) { storage.wrappingAdd(amount, ordering: .relaxed) }
    public var value: Int { storage.load(ordering: .relaxed) }
}
