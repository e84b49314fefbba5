import GatewayConfig
import Testing

@Suite struct UpstreamTLSReaderTests {
    @Test func everyKeyIsRead() throws {
        let lines =
            "tls: { server_name: Backend.internal., ca: ca.pem, verify: false, certificate: c.pem, private_key: /c.key }"
        #expect(
            try parse(.upstream, lines).upstreams[0].tls
                == UpstreamTLS(
                    serverName: "backend.internal", ca: "/etc/sluice/ca.pem", verify: false,
                    identity: CertificateFiles(certificate: "/etc/sluice/c.pem", privateKey: "/c.key")))
        #expect(try parse(.upstream, "tls: {}").upstreams[0].tls == UpstreamTLS())
    }

    @Test(
        "the name of servers is a name without its dot, or an address",
        arguments: [
            ("10.0.0.1", "10.0.0.1"), ("\"::1\"", "[::1]"), ("\"[2001:DB8::1]\"", "[2001:db8::1]"), ("A.B.", "a.b"),
            ("localhost", "localhost"),
        ] as [(String, String)])
    func serverName(written: String, expected: String) throws {
        #expect(try parse(.upstream, "tls: { server_name: \(written) }").upstreams[0].tls?.serverName == expected)
    }

    @Test(arguments: ["a b", "10.0.0.1/8", ".", "[10.0.0.1]", "a..b"])
    func anotherNameIsRefused(written: String) {
        #expect(
            problems(.upstream, "tls: { server_name: \"\(written)\" }") == [
                "4:25: error: expected a host name such as backend.internal, or an IP address, found \"\(written)\""
            ])
    }

    @Test(
        arguments: [
            ("{ certificate: a.pem }", "4:12: error: certificate needs private_key; add the path of its key"),
            (
                "{ private_key: a.key }",
                "4:12: error: private_key needs certificate; add the path of the key's certificate"
            ),
            ("{ verfy: true }", "4:12: error: unknown key \"verfy\"; did you mean \"verify\"?"),
            ("{ certificat: a }", "4:12: error: unknown key \"certificat\"; did you mean \"certificate\"?"),
            ("{ ca: \"\" }", "4:16: error: expected the path of a PEM file, found nothing"),
            (
                "1",
                "4:10: error: expected a mapping with server_name, ca, verify, certificate and private_key; {} for the defaults, found \"1\""
            ),
        ] as [(String, String)])
    func aMistakeIsReportedAtItsPlace(tls: String, expected: String) {
        #expect(problems(.upstream, "tls: \(tls)") == [expected])
    }
}
