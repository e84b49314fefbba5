import Foundation
import GatewayConfig
import GatewayTLS
import Testing

@testable import GatewayNIO

@Suite("TLS of a listener that follows its files")
final class RenewedTLSTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-renewed-\(UUID().uuidString)")
    private let files: CertificateFiles

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        files = try SelfSigned.write("site", names: ["localhost"], in: directory)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private var ticketFile: String { directory.appendingPathComponent("tickets").path }

    private func writeTickets(_ byte: UInt8, count: Int = 80, permissions: Int = 0o600) throws {
        try Data([UInt8](repeating: byte, count: count)).write(
            to: URL(fileURLWithPath: ticketFile), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: ticketFile)
    }

    private func text(_ renewal: RenewedTLS.Renewal) -> String {
        switch renewal {
        case .unchanged: "unchanged"
        case .renewed(let warnings): (["renewed"] + warnings).joined(separator: ", ")
        case .refused(let failure, let isNews): "\(isNews ? "news: " : "")\(failure)"
        }
    }

    @Test("certificates are read again when a file has changed, and only then")
    func certificates() throws {
        let tls = try RenewedTLS(ListenerTLS(certificates: [files]), protocols: [.http1])
        let first = tls.context
        #expect(text(tls.renewCertificates()) == "unchanged")
        #expect(tls.context === first)
        _ = try SelfSigned.write("site", names: ["localhost"], in: directory)
        #expect(text(tls.renewCertificates()) == "renewed")
        #expect(tls.context !== first)
        #expect(text(tls.renewCertificates()) == "unchanged")
    }

    @Test("what can't be used is news once, stays a failure, and is tried until it can")
    func refused() throws {
        let tls = try RenewedTLS(ListenerTLS(certificates: [files]), protocols: [.http1])
        let first = tls.context
        let key = try Data(contentsOf: URL(fileURLWithPath: files.privateKey))
        try Data().write(to: URL(fileURLWithPath: files.privateKey))
        let reason = "expected a PEM private key in \"\(files.privateKey)\", found none"
        #expect(text(tls.renewCertificates()) == "news: \(reason)")
        #expect(text(tls.renewCertificates()) == reason)
        #expect(throws: TLSMaterialFailure.self) { try tls.renewNow() }
        #expect(tls.context === first)
        try key.write(to: URL(fileURLWithPath: files.privateKey))
        #expect(text(tls.renewCertificates()) == "renewed")
        try tls.renewNow()
    }

    @Test("a certificate that has expired while it was served keeps no other from being renewed")
    func expired() throws {
        let short = try SelfSigned.write("short", names: ["short"], in: directory, seconds: -300...1)
        let tls = try RenewedTLS(ListenerTLS(certificates: [files, short]), protocols: [.http1])
        let context = tls.context
        #expect(context.timeFailure(now: WallClock.seconds() + 10) != nil)
        #expect(context.timeFailure(now: WallClock.seconds() + 10, previous: context) == nil)
        _ = try SelfSigned.write("short", names: ["short"], in: directory, seconds: -300 ... -200)
        #expect(text(tls.renewCertificates()).hasPrefix("news: the certificate in \"\(short.certificate)\" expired on"))
        _ = try SelfSigned.write("short", names: ["short"], in: directory)
        #expect(text(tls.renewCertificates()) == "renewed")
    }

    @Test("an authority that is left out of a renewal is told")
    func warnings() throws {
        let authorities = directory.appendingPathComponent("ca.pem")
        let certificate = try Data(contentsOf: URL(fileURLWithPath: files.certificate))
        try certificate.write(to: authorities)
        let tls = try RenewedTLS(
            ListenerTLS(certificates: [files], clientCA: authorities.path), protocols: [.http1])
        try (certificate + Data("\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)).write(
            to: authorities)
        let renewed = text(tls.renewCertificates())
        #expect(renewed.hasPrefix("renewed, certificate 2 of 2 in \"\(authorities.path)\" is damaged: "))
    }

    @Test("a file of ticket keys is followed by itself")
    func followedTickets() throws {
        try writeTickets(1)
        let tls = try RenewedTLS(
            ListenerTLS(certificates: [files], ticketKeys: ticketFile), protocols: [.http1])
        let first = tls.context
        #expect(text(tls.renewTicketKeys()) == "unchanged")
        try writeTickets(2)
        #expect(text(tls.renewTicketKeys()) == "renewed")
        try writeTickets(3, count: 81)
        let reason =
            "expected ticket keys of 80 or 48 bytes each in \"\(ticketFile)\", found 81 bytes; make one with openssl rand"
            + " 80"
        #expect(text(tls.renewTicketKeys()) == "news: \(reason)")
        #expect(text(tls.renewTicketKeys()) == reason)
        #expect(throws: TLSMaterialFailure.self) { try tls.renewNow() }
        #expect(text(tls.renewCertificates()) == "unchanged")
        #expect(tls.context === first)
    }

    @Test("ticket keys go on where they come from the same place")
    func handedOn() throws {
        let own = ListenerTLS(certificates: [files])
        var other = own
        other.minimumVersion = .v13
        var shared = own
        shared.ticketKeys = ticketFile
        try writeTickets(1)
        let first = try RenewedTLS(own, protocols: [.http1])
        let second = try RenewedTLS(other, protocols: [.http2], previous: first)
        let third = try RenewedTLS(shared, protocols: [.http1], previous: second)
        let fourth = try RenewedTLS(own, protocols: [.http1], previous: third)
        #expect(first.ticketKeys === second.ticketKeys)
        #expect(second.ticketKeys !== third.ticketKeys)
        #expect(third.ticketKeys !== fourth.ticketKeys && first.ticketKeys !== fourth.ticketKeys)
        try writeTickets(1, count: 7)
        #expect(throws: TLSMaterialFailure.self) { try RenewedTLS(shared, protocols: [.http1], previous: third) }
    }

    @Test("an upstream's files are followed, and what is shared is replaced by a reload")
    func ofUpstream() throws {
        let authority = directory.appendingPathComponent("ca.pem").path
        func trust(_ file: String) throws {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            try bytes.write(to: URL(fileURLWithPath: authority), options: .atomic)
        }
        try trust(files.certificate)
        let configuration = try configuration(
            """
            listeners: [{ name: a, address: "127.0.0.1:0" }]
            routes: [{ name: a, upstream: a }]
            upstreams: [{ name: a, servers: [{ address: "127.0.0.1:1" }], tls: { ca: \(authority) } }]
            """)
        let upstream = try #require(configuration.upstreams.first)
        let transport = try UpstreamTransport.make(upstream, previous: nil)
        let first = transport.tls(offering: [.http1])
        #expect(text(transport.renewTLS()) == "unchanged")
        #expect(try UpstreamTransport.make(upstream, previous: transport) === transport)
        try Data("none".utf8).write(to: URL(fileURLWithPath: authority), options: .atomic)
        #expect(text(transport.renewTLS()).hasPrefix("news: expected PEM certificates in"))
        #expect(transport.tls(offering: [.http1]) === first)
        try trust(files.certificate)
        #expect(text(transport.renewTLS()) == "renewed")
        #expect(transport.tls(offering: [.http1]) !== first)
        #expect(try UpstreamTransport.make(upstream, previous: transport) !== transport)
    }

    @Test("a file of ticket keys that others can read is told of")
    func openTickets() throws {
        try writeTickets(1)
        let tls = try RenewedTLS(
            ListenerTLS(certificates: [files], ticketKeys: ticketFile), protocols: [.http1])
        try writeTickets(2, permissions: 0o644)
        #expect(
            text(tls.renewTicketKeys()).hasPrefix("renewed, every user of this machine can read the ticket keys in"))
    }
}
