import GatewayConfig
import Testing

@Suite struct ConfigurationSummaryTests {
    @Test func listenersAndRoutesAreShownInAlignedColumns() throws {
        let configuration = try parse(
            """
            listeners:
              - name: public
                address: "127.0.0.1:8443"
                tls: { certificates: [{ certificate: a, private_key: b }], client_ca: c }
              - { name: internal, address: "[::1]:8080", protocols: [h2], proxy_protocol: true, trusted_proxies: ["::1"] }
            admin: { address: "127.0.0.1:9901", token: hunter2 }
            routes:
              - name: chat
                match: { hosts: [a.example, b.example], path_prefix: /chat, headers: { X-Key: hunter2 }, query: { room: a } }
                upstream: u
              - { name: raw, match: { path_regex: "/r.+" }, upstream: u, compression: passthrough, max_message_size: 1MiB, legacy_versions: [8, hixie-76] }
              - { name: old, match: { path: /old }, redirect: /new }
              - { name: tool, match: { path: /tool }, command: { run: [/bin/sh, hunter2], framing: binary } }
              - { name: rest, respond: 404 }
            upstreams: [{ name: u, protocol: h2, servers: [{ address: "s:1" }, { address: "unix:/s", state: down }] }]
            """)
        #expect(
            summary(of: configuration) == """
                listener public: 127.0.0.1:8443 (TLS 1.2+, certificates: 1, client certificates, h2, http/1.1)
                listener internal: [::1]:8080 (cleartext, h2, PROXY protocol)
                admin: 127.0.0.1:9901 (token)

                NAME  HOSTS                 PATH       TO                         CONDITIONS                COMPRESSION     MESSAGE
                chat  a.example, b.example  /chat[/*]  u (h2: s:1, unix:/s down)  header x-key, query room  terminate 12/5  16MiB
                raw   *                     ~ /r.+     u (h2: s:1, unix:/s down)  -                         passthrough     1MiB
                old   *                     /old       302 /new                   -                         -               -
                tool  *                     /tool      command sh (binary)        -                         terminate 12/5  16MiB
                rest  *                     *          404                        -                         -               -
                route raw accepts clients of the drafts 8, hixie-76
                """)
    }
}
