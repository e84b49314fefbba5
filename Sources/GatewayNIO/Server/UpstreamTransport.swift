import GatewayConfig
import GatewayPolicy
import GatewayTLS
import NIOCore

/// How the servers of an upstream are spoken to: everything that a shared connection depends on. Generations that don't
/// differ in it have it in common, and so their connections.
final class UpstreamTransport: Sendable {
    let `protocol`: UpstreamConfiguration.ServerProtocol
    let http2: UpstreamHTTP2
    let tls: UpstreamTLS?
    private let proxyProtocol: SentProxyProtocol
    private let source: [String]
    /// nil: the system chooses.
    let sources: SourceAddresses?
    /// Of the files of TLS, when the first connections were made with them. Shared ones are replaced by a reload.
    private let stamps: [FileStamp?]
    /// TLS contexts by what they offer, as the files are now; nil: cleartext.
    private let contexts: FollowedFiles<[[ApplicationProtocol]: TLSClientContext]>?

    /// The previous one, unless something it depends on has changed, the files of TLS included.
    ///
    /// - Throws: `TLSMaterialError` for files of TLS that can't be used.
    static func make(
        _ configuration: UpstreamConfiguration, previous: UpstreamTransport?
    ) throws -> UpstreamTransport {
        let stamps = (configuration.tls?.files ?? []).map { FileStamp(path: $0) }
        if let previous, previous.protocol == configuration.protocol, previous.http2 == configuration.http2,
            previous.tls == configuration.tls, previous.stamps == stamps,
            previous.proxyProtocol == configuration.proxyProtocol, previous.source == configuration.source
        {
            return previous
        }
        return try UpstreamTransport(configuration, stamps: stamps)
    }

    private init(_ configuration: UpstreamConfiguration, stamps: [FileStamp?]) throws {
        self.protocol = configuration.protocol
        http2 = configuration.http2
        tls = configuration.tls
        proxyProtocol = configuration.proxyProtocol
        source = configuration.source
        sources = SourceAddresses(configuration.source)
        self.stamps = stamps
        guard let tls = configuration.tls else {
            contexts = nil
            return
        }
        do throws(TLSMaterialFailure) {
            contexts = try FollowedFiles(tls.files) { _ throws(TLSMaterialFailure) in
                let context = try TLSClientContext(TLSClientSettings(tls))
                if let failure = context.timeFailure(now: WallClock.seconds()) { throw failure }
                var offering: [[ApplicationProtocol]: TLSClientContext] = [:]
                for protocols in [[.http1], [.http2], [.http2, .http1]] as [[ApplicationProtocol]] {
                    offering[protocols] = try context.offering(protocols.map(\.rawValue))
                }
                return (offering, context.warnings)
            }
        } catch {
            throw TLSMaterialError(place: "upstream \(configuration.name)", reason: error.description)
        }
    }

    /// Has connections that begin from now on use the files of TLS as they are. Blocks.
    func renewTLS() -> TLSRenewal { contexts?.renew() ?? .unchanged }

    /// What a connection begins with, before TLS; empty: nothing.
    ///
    /// - Parameter client: nil: there is no one client.
    func beginning(naming client: ConnectionEndpoints?) -> [UInt8] {
        switch proxyProtocol {
        case .off: []
        case .v1: ProxyHeader.bytes(version: .v1, naming: client)
        case .v2: ProxyHeader.bytes(version: .v2, naming: client)
        }
    }

    /// Whether one connection may carry requests of several clients: not where it begins with a header that names one.
    var sharesConnections: Bool { proxyProtocol == .off }

    /// nil: cleartext.
    func tls(offering protocols: [ApplicationProtocol]) -> TLSClientContext? { contexts?.value[protocols] }

    /// What a server's certificate has to be for: `server_name`, else the host of its address. A unix socket has none.
    func tlsPeer(of server: LiveServer) -> TLSPeerName {
        if let name = tls?.serverName { return .name(name) }
        guard case .tcp(let host, _) = server.configured else { return .none }
        return .name(host)
    }
}

extension TLSClientSettings {
    init(_ tls: UpstreamTLS) {
        self.init()
        if let ca = tls.ca { authorities = .files([ca]) }
        verifies = tls.verify
        identity = tls.identity.map { Identity(certificate: $0.certificate, privateKey: $0.privateKey) }
    }
}
