import GatewayConfig
import Testing

@Suite struct ListenerReaderTests {
    @Test func everyKeyIsRead() throws {
        let listener = try parse(
            .listener,
            """
            tls:
              certificates:
                - { certificate: a.pem, private_key: /keys/a.key }
                - { certificate: b.pem, private_key: b.key }
              minimum_version: 1.3
              client_ca: clients.pem
            protocols: [http/1.1]
            websocket_over_http2: false
            h2: { max_streams: 50 }
            proxy_protocol: true
            trusted_proxies: ["10.0.0.0/8", "::1"]
            via: off
            underscores: reject
            encoded_slashes: reject
            """
        ).listeners[0]
        #expect(
            listener
                == ListenerConfiguration(
                    name: "l", address: .tcp(host: "a", port: 1),
                    tls: ListenerTLS(
                        certificates: [
                            CertificateFiles(certificate: "/etc/sluice/a.pem", privateKey: "/keys/a.key"),
                            CertificateFiles(certificate: "/etc/sluice/b.pem", privateKey: "/etc/sluice/b.key"),
                        ], minimumVersion: .v13, clientCA: "/etc/sluice/clients.pem"),
                    protocols: [.http1], websocketOverHTTP2: false, maxStreams: 50, proxyProtocol: true,
                    trustedProxies: [
                        IPPrefix(bytes: [10, 0, 0, 0], length: 8),
                        IPPrefix(bytes: [UInt8](repeating: 0, count: 15) + [1], length: 128),
                    ], via: false, underscores: .reject, encodedSlashes: .reject))
    }

    @Test func defaultsAreCleartextAndBothHTTPVersions() throws {
        let listener = try parse(.listener, "").listeners
        #expect(listener == [ListenerConfiguration(name: "l", address: .tcp(host: "a", port: 1))])
        #expect(listener[0].protocols == [.http2, .http1])
        #expect(listener[0].websocketOverHTTP2)
        #expect(!listener[0].proxyProtocol)
        #expect(listener[0].underscores == .drop)
        #expect(listener[0].encodedSlashes == .pass)
    }

    @Test(arguments: [
        ("h2: { max_streams: 0 }", "4:24: error: expected a number from 1 to 100000, found \"0\""),
        ("via: maybe", "4:10: error: expected on or off, found \"maybe\""),
        ("h2: 5", "4:9: error: expected a mapping with max_streams, found \"5\""),
        ("protocols: [http/2]", "4:17: error: expected http/1.1 or h2, found \"http/2\""),
        ("underscores: keep", "4:18: error: expected drop, pass or reject, found \"keep\""),
        ("encoded_slashes: decode", "4:22: error: expected pass or reject, found \"decode\""),
        ("protocols: []", "4:16: error: expected a list of protocols such as [h2, http/1.1], found an empty list"),
        ("protocols: [http/1.1, http/1.1]", "4:27: error: http/1.1 is listed twice"),
        (
            "proxy_protocol: true",
            "4:5: error: proxy_protocol needs trusted_proxies; list the proxies that send the header, such as [10.0.0.0/8]"
        ),
        (
            "trusted_proxies: []\nproxy_protocol: true",
            "5:5: error: proxy_protocol needs trusted_proxies; list the proxies that send the header, such as [10.0.0.0/8]"
        ),
        (
            "proxy_protocl: true",
            "4:5: error: unknown key \"proxy_protocl\"; did you mean \"proxy_protocol\"?"
        ),
        ("proxy_protocol: yes", "4:21: error: expected true or false, found \"yes\"; did you mean \"true\"?"),
        (
            "trusted_proxies: [10.0.0.0/33]",
            "4:23: error: expected an address block such as 10.0.0.0/8, found \"10.0.0.0/33\""
        ),
        ("tls: true", "4:10: error: expected a mapping with certificates, found \"true\""),
        ("tls: {}", "4:10: error: missing key \"certificates\""),
        (
            "tls: { certificates: [] }",
            "4:26: error: expected a list of at least one { certificate: FILE, private_key: FILE }, found an empty list"
        ),
        ("tls: { certificates: [{ certificate: a }] }", "4:27: error: missing key \"private_key\""),
        (
            "tls: { certificates: [{ certificate: a, private_key: b }], minimum_version: 1.1 }",
            "4:81: error: expected 1.2 or 1.3, found \"1.1\"; did you mean \"1.2\"?"
        ),
        (
            "ports: 1",
            "4:5: error: unknown key \"ports\""
        ),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(.listener, lines) == [expected])
    }

    @Test func nameAndAddressAreRequired() {
        #expect(
            problems("listeners: [{}]\nroutes: [{ name: r, respond: 200 }]") == [
                "1:13: error: missing key \"name\"", "1:13: error: missing key \"address\"",
            ])
    }
}
