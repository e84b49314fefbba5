import Foundation
import GatewayConfig
import NIOCore
import NIOEmbedded
import NIOSSL
import Testing

@testable import GatewayNIO

/// Each case is a whole TLS handshake in memory, between the listener's handler and a client of NIOSSL's.
@Suite("Certificates by server name")
final class TLSContextsTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-tls-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func contexts(
        _ sites: [(file: String, names: [String])], minimumVersion: GatewayConfig.TLSVersion = .v12
    ) throws -> TLSContexts {
        let certificates = try sites.map { try SelfSigned.write($0.file, names: $0.names, in: directory) }
        return try TLSContexts(
            ListenerTLS(certificates: certificates, minimumVersion: minimumVersion), protocols: [.http1])
    }

    /// The DNS names of the certificate that a client which asks for `serverName` is shown; nil: no handshake.
    private func shown(
        _ contexts: TLSContexts, to serverName: String?, maximumVersion: NIOSSL.TLSVersion? = nil
    ) throws -> [String]? {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.certificateVerification = .none
        settings.maximumTLSVersion = maximumVersion
        let loop = EmbeddedEventLoop()
        let server = EmbeddedChannel(handler: contexts.makeHandler(), loop: loop)
        let client = EmbeddedChannel(
            handler: try NIOSSLClientHandler(
                context: NIOSSLContext(configuration: settings), serverHostname: serverName), loop: loop)
        defer {
            client.close(promise: nil)
            server.close(promise: nil)
            // Neither waits longer for the other's close_notify.
            loop.advanceTime(by: .minutes(1))
        }
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        server.connect(to: address, promise: nil)
        client.connect(to: address, promise: nil)
        var moved = true
        while moved {
            moved = false
            loop.run()
            while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                moved = true
                do { try server.writeInbound(bytes) } catch { return nil }
            }
            loop.run()
            while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                moved = true
                do { try client.writeInbound(bytes) } catch { return nil }
            }
        }
        let certificate = try client.pipeline.syncOperations.nioSSL_peerCertificate()
        return certificate?._subjectAlternativeNames().map { String(decoding: $0.contents, as: UTF8.self) }
    }

    @Test(
        "the certificate is that of the server name, else the first",
        arguments: [
            ("example.com", "example.com"), ("EXAMPLE.com", "example.com"), ("www.example.com", "example.com"),
            ("example.org", "example.org"), ("a.example.org", "*.example.org"), ("A.Example.ORG", "*.example.org"),
            // An exact name goes before a wildcard's, wherever it stands.
            ("live.example.org", "live.example.org"),
            // A wildcard stands for one label (RFC 9525 §6.3), so these get the first certificate.
            ("a.b.example.org", "first.example"), ("other.example", "first.example"), ("org", "first.example"),
            (nil, "first.example"),
        ] as [(String?, String)])
    func byServerName(serverName: String?, expected: String) throws {
        let contexts = try contexts([
            ("first", ["first.example"]), ("com", ["example.com", "www.example.com"]),
            ("wildcard", ["*.example.org"]), ("org", ["example.org", "live.example.org"]),
        ])
        let names = try #require(try shown(contexts, to: serverName))
        #expect(names.contains(expected), "shown: \(names)")
    }

    @Test("of two certificates of one name the first is shown")
    func sameName() throws {
        let contexts = try contexts([
            ("default", ["default.example"]), ("a", ["example.com", "a.example"]), ("b", ["example.com", "b.example"]),
        ])
        #expect(try shown(contexts, to: "example.com") == ["example.com", "a.example"])
        #expect(try shown(contexts, to: "b.example") == ["example.com", "b.example"])
    }

    @Test("a single certificate is shown whatever the server name")
    func single() throws {
        let contexts = try contexts([("only", ["example.com"])])
        #expect(try shown(contexts, to: "other.example") == ["example.com"])
    }

    @Test("a client below the minimum version gets no handshake")
    func minimumVersion() throws {
        let contexts = try contexts([("only", ["example.com"])], minimumVersion: .v13)
        #expect(try shown(contexts, to: "example.com", maximumVersion: .tlsv12) == nil)
        #expect(try shown(contexts, to: "example.com", maximumVersion: .tlsv13) == ["example.com"])
    }

    @Test("a key that is another certificate's is refused")
    func otherKey() throws {
        let a = try SelfSigned.write("a", names: ["a.example"], in: directory)
        let b = try SelfSigned.write("b", names: ["b.example"], in: directory)
        let mixed = CertificateFiles(certificate: a.certificate, privateKey: b.privateKey)
        #expect(throws: (any Error).self) {
            try TLSContexts(ListenerTLS(certificates: [mixed]), protocols: [.http1])
        }
    }
}
