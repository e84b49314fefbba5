public import GatewayConfig
public import GatewayPolicy
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One upstream as it runs: whom to choose, where they are, and how to speak TLS to them.
public final class Upstream: Sendable {
    public let configuration: UpstreamConfiguration
    public let selector: ServerSelector
    let tls: NIOSSLContext?
    private let addresses: Mutex<[[SocketAddress]]>

    init(_ configuration: UpstreamConfiguration) throws {
        self.configuration = configuration
        selector = ServerSelector(upstream: configuration)
        tls = try configuration.tls.map { tls in
            var settings = TLSConfiguration.makeClientConfiguration()
            if let ca = tls.ca { settings.trustRoots = .file(ca) }
            if !tls.verify { settings.certificateVerification = .none }
            settings.applicationProtocols = ["http/1.1"]
            return try NIOSSLContext(configuration: settings)
        }
        addresses = Mutex(configuration.servers.map { Self.literal($0.address).map { [$0] } ?? [] })
    }

    /// Where a server can be reached now; empty until its name has been resolved.
    func addresses(of server: Int) -> [SocketAddress] {
        addresses.withLock { $0[server] }
    }

    /// The name a server's certificate must carry; nil for an address, which is no name (RFC 6066 §3).
    func tlsServerName(of server: Int) -> String? {
        if let name = configuration.tls?.serverName { return name }
        guard case .tcp(let host, _) = configuration.servers[server].address,
            (try? SocketAddress(ipAddress: host, port: 0)) == nil
        else { return nil }
        return host
    }

    /// Looks the names of all servers up, off the event loops. A name that does not resolve keeps the addresses it had.
    ///
    /// - Returns: a message for each name that did not resolve.
    public func resolve(on threads: NIOThreadPool = .singleton) async -> [String] {
        var failures: [String] = []
        for (index, server) in configuration.servers.enumerated() {
            guard case .tcp(let host, let port) = server.address, Self.literal(server.address) == nil else { continue }
            do {
                let found = try await threads.runIfActive { try Self.lookUp(host, port: port) }
                addresses.withLock { $0[index] = found }
            } catch {
                failures.append("\(server.address): \(error)")
            }
        }
        return failures
    }

    var needsResolving: Bool {
        configuration.servers.contains { Self.literal($0.address) == nil }
    }

    private static func literal(_ address: Address) -> SocketAddress? {
        switch address {
        case .unix(let path): try? SocketAddress(unixDomainSocketPath: path)
        case .tcp(let host, let port): try? SocketAddress(ipAddress: host, port: port)
        }
    }
}
