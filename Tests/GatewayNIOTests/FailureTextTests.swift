import Crypto
import Foundation
import GatewayConfig
import NIOCore
import NIOEmbedded
import NIOSSL
import SwiftASN1
import Testing
import X509

@testable import GatewayNIO

/// The rest is in Tests/Integration/test_words.py, with failures of real sockets and servers.
@Suite("Failures in an operator's words")
struct FailureTextTests {
    private struct Foreign: Error {
        let path = "/build/secret"
    }

    @Test(
        "why an address can't be listened on",
        arguments: [
            (
                EADDRINUSE, "0.0.0.0:8443",
                "the address is in use; ss -ltnp 'sport = :8443' shows by whom: stop it, or choose another port"
            ),
            (
                EACCES, "0.0.0.0:8443",
                "permission denied; a security module such as SELinux may keep the process from this port"
            ),
            (EAFNOSUPPORT, "[::]:80", "this machine has no IPv6; turn it on, or use an IPv4 address"),
            (
                EADDRNOTAVAIL, "[fd00::1]:80",
                "no interface of this machine has the address; ip address shows those it has (for one that comes later, run"
                    + " sysctl net.ipv6.ip_nonlocal_bind=1)"
            ),
            (
                EINVAL, "[fe80::1]:80",
                "a link-local address is one of an interface; use another address of this machine"
            ),
            (
                EMFILE, "0.0.0.0:80",
                "the process has no file descriptor left; raise its limit (ulimit -n, or LimitNOFILE= of a systemd unit)"
            ),
            (
                EROFS, "unix:/usr/s",
                "the file system of /usr is read-only; choose a path below /run (RuntimeDirectory= in a systemd unit makes"
                    + " one)"
            ),
            (ENOTDIR, "unix:/etc/passwd/s", "/etc/passwd is no folder, or a part of it is none; correct the path"),
            (ENOENT, "unix:/s", "the folder / does not exist; create it (RuntimeDirectory= in a systemd unit does so)"),
            // Without words of its own.
            (ELOOP, "unix:/a/s", "Too many levels of symbolic links"),
        ] as [(CInt, String, String)])
    func listening(code: CInt, address: String, expected: String) throws {
        #expect(
            ListenFailure.text(for: IOError(errnoCode: code, reason: "bind"), address: try parse(address)) == expected)
    }

    private func parse(_ text: String) throws -> Address {
        if let path = text.split(separator: "unix:").first, text.hasPrefix("unix:") { return .unix(path: String(path)) }
        let colon = try #require(text.lastIndex(of: ":"))
        let host = text[..<colon].trimmingCharacters(in: ["[", "]"])
        return .tcp(host: host, port: try #require(Int(text[text.index(after: colon)...])))
    }

    @Test("a path that is too long is counted")
    func tooLong() throws {
        let path = "/run/" + String(repeating: "s", count: 115)
        let error = #expect(throws: SocketAddressError.self) { try SocketAddress(unixDomainSocketPath: path) }
        #expect(
            ListenFailure.text(for: try #require(error), address: .unix(path: path))
                == "the path has 120 bytes, and a unix socket's may have 107; choose a shorter one")
    }

    @Test("what no words are known for says nothing of types and paths")
    func unknown() {
        #expect(ListenFailure.text(for: Foreign(), address: .tcp(host: "a", port: 1)) == "the system refuses it")
        #expect(ConnectFailure.text(for: Foreign()) == "the connection failed")
        #expect(TLSMaterialFailure.text(for: Foreign()) == "the TLS settings can't be used")
        #expect(
            ConnectFailure.text(for: NIOSSLError.handshakeFailed(.sslError([]))) == "TLS with the server failed")
    }

    @Test(
        "why a server can't be connected to",
        arguments: [
            (EHOSTUNREACH, "the host can't be reached; it is down, or a router or firewall on the way says so"),
            (ENETUNREACH, "this machine has no route to the network of the server; ip route shows those it has"),
            (ETIMEDOUT, "the host does not answer; it is down, or a firewall drops what is sent to it"),
            (
                EADDRNOTAVAIL,
                "every local port is in use towards this server; widen net.ipv4.ip_local_port_range with sysctl, add a"
                    + " server or addresses to source, or use protocol: h2"
            ),
            (
                ENFILE,
                "the system has no file descriptor left; raise fs.file-max with sysctl, or end what has many open"
            ),
            (EAGAIN, "the queue of the unix socket is full; the server does not accept connections fast enough"),
            (ENOTCONN, "Transport endpoint is not connected"),
        ] as [(CInt, String)])
    func connecting(code: CInt, expected: String) {
        #expect(ConnectFailure.text(for: IOError(errnoCode: code, reason: "connect")) == expected)
    }

    @Test(
        "a timeout is told as it was set",
        arguments: [(TimeAmount.seconds(2), "2s"), (.milliseconds(250), "250ms"), (.milliseconds(1500), "1500ms")])
    func timeout(timeout: TimeAmount, shown: String) {
        #expect(
            ConnectFailure.text(for: ChannelError.connectTimeout(timeout)).hasPrefix(
                "no connection within \(shown) (connect_timeout); "))
    }

    @Test(
        "what TLS came to",
        arguments: [
            (
                "TLSV1_ALERT_UNKNOWN_CA",
                "the server refused the gateway's certificate, or that it has none (alert unknown ca)"
            ),
            (
                "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
                "the server speaks none of the protocols that were offered by ALPN (alert no application protocol);"
                    + " protocol of the upstream says which those are"
            ),
            ("TLSV1_ALERT_PROTOCOL_VERSION", "the server has no TLS version in common with the gateway"),
            (
                "TLSV1_ALERT_UNRECOGNIZED_NAME",
                "the server does not know the name it was asked for (alert unrecognized name); server_name of the"
                    + " upstream's tls sets it"
            ),
            ("TLSV1_ALERT_INTERNAL_ERROR", "the server ended TLS with the alert internal error"),
            ("BAD_DECRYPT", "TLS with the server failed: bad decrypt"),
        ])
    func tls(reason: String, expected: String) {
        #expect(TLSFailureText.text(reason: reason) == expected)
    }

    @Test("BoringSSL's name of a real error is found, and nothing else of it")
    func realReason() throws {
        let context = try NIOSSLContext(configuration: .makeClientConfiguration())
        let channel = EmbeddedChannel(handler: try NIOSSLClientHandler(context: context, serverHostname: nil))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        let error = try #require(throws: (any Error).self) {
            try channel.writeInbound(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        }
        // Its own text has what is not to be told.
        try #require("\(error)".contains("OPENSSL_internal"), "\(error)")
        #expect(TLSReason.name(of: error) == "WRONG_VERSION_NUMBER")
        #expect(
            ConnectFailure.text(for: error)
                == "the server speaks no TLS on this port; correct its address, or remove tls from the upstream")
    }

    // MARK: Certificates

    private func certificate(names: [GeneralName], issuer: String = "Authority") throws -> Certificate {
        let key = P256.Signing.PrivateKey()
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: 0), notValidAfter: Date(timeIntervalSince1970: 1000),
            issuer: DistinguishedName { CommonName(issuer) }, subject: DistinguishedName { CommonName("site") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: names.isEmpty ? .init() : .init { SubjectAlternativeNames(names) }, issuerPrivateKey: .init(key)
        )
    }

    @Test("the days of a certificate are those of UTC, its last second included")
    func days() throws {
        let certificate = try certificate(names: [])
        func text(_ now: time_t) -> String {
            UntrustedServer.untrusted(certificate, validFrom: 951_782_400, until: 1_709_164_800, now: now)
        }
        #expect(text(1_709_164_801) == "the server's certificate expired on 2024-02-29; renew it")
        #expect(text(1_709_164_800).contains("signed by CN=Authority:"))
        #expect(text(951_782_400).contains("signed by CN=Authority:"))
        #expect(
            text(951_782_399)
                == "the server's certificate is not valid before 2000-02-29; correct the clock of this machine, or the"
                + " certificate")
    }

    @Test("the names of a certificate are told, as far as there are any")
    func names() throws {
        func text(_ names: [GeneralName], _ expected: String?) throws -> String {
            UntrustedServer.misnamed(try certificate(names: names), expected: expected)
        }
        #expect(try text([], "a.example").hasPrefix("the server's certificate is for no name, expected a.example; "))
        #expect(
            try text([.dnsName("b.example"), .ipAddress(ASN1OctetString(contentBytes: [10, 0, 0, 1]))], nil).hasPrefix(
                "the server's certificate is for b.example, 10.0.0.1, expected the server's address; "))
        let many = try text((0..<1000).map { .dnsName("\($0).example") }, "a.example")
        #expect(many.count < 400)
    }
}
