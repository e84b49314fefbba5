import GatewayConfig
import Testing

@Suite("The files that a configuration names")
struct NamedFilesTests {
    @Test func areAbsoluteSortedAndEachOnce() throws {
        let configuration = try parse(
            """
            listeners:
              - name: a
                address: "unix:/run/a"
                tls:
                  certificates: [{ certificate: z.pem, private_key: /k, ocsp: z.ocsp }, { certificate: y.pem, private_key: /k }]
                  client_ca: ca.pem
                  ticket_keys: t.bin
              - { name: b, address: "b:1", tls: { certificates: [{ certificate: ../x.pem, private_key: /k }] } }
              - { name: c, address: "c:1" }
            admin: { address: "127.0.0.1:1", takeover_socket: t }
            routes: [{ name: r, upstream: u }]
            upstreams:
              - { name: u, servers: [{ address: "s:1" }], tls: { ca: /etc/sluice/ca.pem } }
              - { name: v, servers: [{ address: "s:1" }], tls: { ca: v.pem, certificate: vc.pem, private_key: v.key } }
              - { name: w, servers: [{ address: "s:1" }], tls: {} }
            """)
        #expect(
            configuration.files == [
                "/etc/sluice/../x.pem", "/etc/sluice/ca.pem", "/etc/sluice/t.bin", "/etc/sluice/v.key",
                "/etc/sluice/v.pem",
                "/etc/sluice/vc.pem", "/etc/sluice/y.pem", "/etc/sluice/z.ocsp", "/etc/sluice/z.pem", "/k",
            ])
    }

    @Test func areNoneWithoutTLS() throws {
        #expect(try parse(.root, "").files == [])
    }
}
