import NIOCore
import TestSupport

@testable import GatewayTLS
@testable import SocketTransport

/// Both sides of TLS with a certificate that nobody verifies.
struct TLSSite {
    static let protocols = ["h2", "http/1.1"]

    private let identity: SiteIdentity
    let server: TLSServerContext
    let client: TLSClientContext

    init(
        clientProtocols: [String] = ["http/1.1"], version: TLSMinimumVersion = .v13, key: SiteIdentity.Key = .ed25519
    ) throws {
        identity = try SiteIdentity(key)
        var settings = TLSServerSettings(
            identities: [.init(certificate: identity.certificate, privateKey: identity.privateKey)])
        settings.applicationProtocols = Self.protocols
        server = try TLSServerContext(settings)
        var clientSettings = TLSClientSettings()
        clientSettings.verifies = false
        clientSettings.maximumVersion = version
        clientSettings.applicationProtocols = clientProtocols
        client = try TLSClientContext(clientSettings)
    }

    func connection(workspace: TLSWorkspace) throws -> TLSConnection {
        try TLSConnection(server: server, workspace: workspace)
    }
}

/// The peer of a socket that speaks TLS: an engine of its own on a raw descriptor.
final class TLSPeer {
    let raw: RawPeer
    let connection: TLSConnection
    private let workspace = TLSWorkspace()
    private(set) var plaintext: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var failure: TLSFailure?

    var text: String { String(decoding: plaintext, as: UTF8.self) }

    init(server site: TLSSite, _ raw: RawPeer) throws {
        self.raw = raw
        connection = try TLSConnection(server: site.server, workspace: workspace)
    }

    init(client site: TLSSite, _ raw: RawPeer) throws {
        self.raw = raw
        connection = try TLSConnection(client: site.client, peer: .name("site.example"), workspace: workspace)
        try connection.start()
    }

    /// What it has made and is not sent.
    func take() -> [UInt8] {
        defer { workspace.clearOutput() }
        return Array(workspace.output)
    }

    func encrypt(_ bytes: some Collection<UInt8>) throws -> [UInt8] {
        try Array(bytes).withUnsafeBytes { try connection.send($0) }
        return take()
    }

    /// Reads what is there, and sends what it has to say.
    func pump(limit: Int = .max) {
        raw.write(take())
        let wire = raw.read(limit: limit)
        var buffer = [UInt8](repeating: 0, count: wire.count + 16_640)
        guard !wire.isEmpty else { return }
        do {
            let received = try wire.withUnsafeBytes { wire in
                try buffer.withUnsafeMutableBytes { try connection.receive(wire, into: $0) }
            }
            plaintext += buffer.prefix(received.plaintextBytes)
            hasEnded = hasEnded || received.hasEnded
            failure = failure ?? received.failure
        } catch {
            failure = failure ?? (error as? TLSFailure)
        }
        raw.write(take())
    }
}
