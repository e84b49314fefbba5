import GatewayConfig
import Testing

@Suite struct ListenerTLSReaderTests {
    /// With a certificate; what follows begins in line 4, column 61.
    private func tls(_ more: String) -> String {
        "tls: { certificates: [{ certificate: a, private_key: b }], \(more) }"
    }

    @Test func everyKeyIsRead() throws {
        let listener = try parse(
            .listener,
            """
            tls:
              certificates:
                - { certificate: a.pem, private_key: /keys/a.key, ocsp: a.ocsp }
                - { certificate: b.pem, private_key: b.key }
              minimum_version: 1.2
              ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
              groups: [X25519, P-256]
              ticket_keys: /run/tickets
              client_ca: clients.pem
            """
        ).listeners[0]
        var expected = ListenerTLS(certificates: [
            CertificateFiles(certificate: "/etc/sluice/a.pem", privateKey: "/keys/a.key", ocsp: "/etc/sluice/a.ocsp"),
            CertificateFiles(certificate: "/etc/sluice/b.pem", privateKey: "/etc/sluice/b.key"),
        ])
        expected.ciphers = [.ecdheECDSAWithAES128GCM, .ecdheRSAWithAES128GCM]
        expected.groups = [.x25519, .p256]
        expected.ticketKeys = "/run/tickets"
        expected.clientCA = "/etc/sluice/clients.pem"
        #expect(listener.tls == expected)
    }

    @Test func certificatesOfOneNameMayStandSideBySide() throws {
        let pair = CertificateFiles(certificate: "/a", privateKey: "/b")
        let listener = try parse(
            .listener,
            "tls: { certificates: [{ certificate: /a, private_key: /b }, { certificate: /a, private_key: /b }] }"
        ).listeners[0]
        #expect(listener.tls == ListenerTLS(certificates: [pair, pair]))
    }

    @Test func ciphersWithoutTLS12AreWarnedOf() throws {
        let warnings = try parse(.listener, tls("ciphers: [AES128-SHA], minimum_version: \"1.3\"")).warnings
        #expect(
            warnings.map(\.description) == [
                "test.yaml:4:64: warning: ciphers applies only to TLS 1.2, and minimum_version excludes TLS 1.2; remove ciphers"
            ])
        #expect(try parse(.listener, tls("ciphers: [], minimum_version: \"1.3\"")).warnings == [])
    }

    @Test func aCipherSuiteIsKnownByBothNames() {
        for suite in CipherSuite.allCases {
            #expect(CipherSuite(name: suite.rawValue) == suite)
            #expect(CipherSuite(name: suite.registeredName) == suite)
        }
        #expect(CipherSuite(name: "") == nil)
    }

    @Test(
        arguments: [
            (
                "ciphers: HIGH",
                "expected a list of cipher suites of TLS 1.2 such as [ECDHE-RSA-AES128-GCM-SHA256], found \"HIGH\""
            ),
            (
                "ciphers: [HIGH]",
                "expected a cipher suite of TLS 1.2 such as ECDHE-RSA-AES128-GCM-SHA256, found \"HIGH\""
            ),
            (
                "ciphers: [ECDHE-RSA-AES128-GCM-SHA265]",
                "expected a cipher suite of TLS 1.2 such as ECDHE-RSA-AES128-GCM-SHA256, found \"ECDHE-RSA-AES128-GCM-SHA265\"; did you mean \"ECDHE-RSA-AES128-GCM-SHA256\"?"
            ),
            (
                "ciphers: [TLS_AES_128_GCM_SHA256]",
                "\"TLS_AES_128_GCM_SHA256\" is a cipher suite of TLS 1.3, and the gateway always offers those; remove it"
            ),
            ("ciphers: [AES128-SHA, TLS_RSA_WITH_AES_128_CBC_SHA]", "AES128-SHA is listed twice"),
            ("groups: X25519", "expected a list of groups such as [X25519, P-256], found \"X25519\""),
            (
                "groups: [P256]",
                "expected X25519MLKEM768, X25519, P-256, P-384 or P-521, found \"P256\"; did you mean \"P-256\"?"
            ),
            ("groups: [X25519, X25519]", "X25519 is listed twice"),
            ("ticket_key: t", "unknown key \"ticket_key\"; did you mean \"ticket_keys\"?"),
            ("ticket_keys: \"\"", "expected the path of a file of ticket keys, found nothing"),
            ("minimum_version: 1.1", "expected 1.2 or 1.3, found \"1.1\"; did you mean \"1.2\"?"),
        ] as [(String, String)])
    func aMistakeIsReported(more: String, expected: String) throws {
        let found = problems(.listener, tls(more))
        #expect(found.map { $0.drop { $0 != " " } } == [" error: \(expected)"])
        #expect(found.first?.hasPrefix("4:") == true)
    }

    @Test func aMisspeltKeyOfACertificateIsReported() {
        #expect(
            problems(.listener, "tls: { certificates: [{ certificate: a, private_key: b, oscp: c }] }") == [
                "4:61: error: unknown key \"oscp\"; did you mean \"ocsp\"?"
            ])
    }
}
