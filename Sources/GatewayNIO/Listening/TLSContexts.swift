import GatewayConfig
import NIOCore
import NIOSSL
import NIOTLS

/// The TLS side of one listener: its certificates, one of which is chosen by the name the client asks for (RFC 6066 §3).
struct TLSContexts: Sendable {
    private let context: NIOSSLContext

    /// - Throws: what NIOSSL says of a certificate or key.
    init(_ tls: ListenerTLS, protocols: [ApplicationProtocol]) throws {
        guard let first = tls.certificates.first else { throw NIOSSLExtraError.serverHostnameImpossibleToMatch }
        let initial = try Credentials(first)
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: initial.chain, privateKey: initial.key)
        settings.minimumTLSVersion = tls.minimumVersion == .v13 ? .tlsv13 : .tlsv12
        settings.applicationProtocols = protocols.map(\.rawValue)
        // A closed connection need not wait for the peer's close_notify for long.
        settings.shutdownTimeout = .seconds(2)
        if let authority = tls.clientCA {
            settings.trustRoots = .file(authority)
            settings.certificateVerification = .noHostnameVerification
        }
        if tls.certificates.count > 1 {
            let chooser = try CertificateChooser(tls.certificates)
            settings.sslContextCallback = { values, promise in
                promise.succeed(chooser.choose(for: values.serverHostname))
            }
        }
        context = try TLSMaterial.context(settings, files: first, authorities: tls.clientCA)
    }

    func makeHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: context) }
}

private struct Credentials: Sendable {
    let chain: [NIOSSLCertificateSource]
    let key: NIOSSLPrivateKeySource
    /// DNS names of the certificate, in lower case.
    let names: [String]

    init(_ files: CertificateFiles) throws {
        let certificates = try TLSMaterial.certificates(in: files.certificate)
        chain = certificates.map { .certificate($0) }
        key = .privateKey(try TLSMaterial.privateKey(in: files.privateKey))
        var names: [String] = []
        if let alternatives = certificates.first?._subjectAlternativeNames() {
            for name in alternatives where name.nameType == .dnsName {
                names.append(String(decoding: name.contents, as: UTF8.self).lowercased())
            }
        }
        self.names = names
    }
}

/// Finds the certificate for a server name: the same name first, then a wildcard's, else the first of the list.
private struct CertificateChooser: Sendable {
    private var exact: [String: Credentials] = [:]
    private var wildcard: [String: Credentials] = [:]

    init(_ files: [CertificateFiles]) throws {
        for files in files {
            let credentials = try Credentials(files)
            for name in credentials.names {
                if name.hasPrefix("*.") {
                    let parent = String(name.dropFirst(2))
                    wildcard[parent] = wildcard[parent] ?? credentials
                } else {
                    exact[name] = exact[name] ?? credentials
                }
            }
        }
    }

    func choose(for serverName: String?) -> NIOSSLContextConfigurationOverride {
        guard let name = serverName?.lowercased() else { return .noChanges }
        let parent = name.firstIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? ""
        guard let credentials = exact[name] ?? wildcard[parent] else { return .noChanges }
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = credentials.chain
        override.privateKey = credentials.key
        return override
    }
}
