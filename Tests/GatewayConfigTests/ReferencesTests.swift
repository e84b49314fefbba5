import GatewayConfig
import Testing

@Suite struct ReferencesTests {
    @Test(arguments: [
        (
            "listeners: [{ name: l, address: \"a:1\" }, { name: l, address: \"a:2\" }]\nroutes: [{ name: r, respond: 200 }]",
            "1:50: error: two listeners are named \"l\", the first on line 1; rename one"
        ),
        (
            "listeners: [{ name: l, address: \"a:1\" }, { name: m, address: \"A:1\" }]\nroutes: [{ name: r, respond: 200 }]",
            "1:62: error: line 1 already listens on a:1; choose another address"
        ),
        (
            "listeners: [{ name: l, address: \"a:1\" }]\nadmin: { address: \"a:1\" }\nroutes: [{ name: r, respond: 200 }]",
            "2:19: error: line 1 already listens on a:1; choose another address"
        ),
        (
            "listeners: [{ name: l, address: \"a:1\" }]\nroutes:\n  - { name: r, respond: 200 }\n  - { name: r, match: { path: /a }, respond: 200 }",
            "4:13: error: two routes are named \"r\", the first on line 3; rename one"
        ),
        (
            "listeners: [{ name: l, address: \"a:1\" }]\nroutes:\n  - { name: r, respond: 200 }\n  - { name: s, respond: 200 }",
            "4:5: error: route \"s\" can never match, because route \"r\" above has the same conditions"
        ),
        (
            "listeners: [{ name: l, address: \"a:1\" }]\nroutes:\n  - { name: r, match: { hosts: [a, b] }, respond: 200 }\n  - { name: s, match: { hosts: [B, a] }, respond: 200 }",
            "4:23: error: route \"s\" can never match, because route \"r\" above has the same conditions"
        ),
        (
            Section.root.file(with: "").replacing("upstream: u", with: "upstream: v"),
            "2:31: error: unknown upstream \"v\"; did you mean \"u\"?"
        ),
        (
            Section.root.file(with: "").replacing("upstream: u", with: "upstream: elsewhere"),
            "2:31: error: unknown upstream \"elsewhere\"; add it to upstreams, or correct the name"
        ),
        (
            "listeners: [{ name: l, address: \"a:1\" }]\nroutes: [{ name: r, respond: 200 }]\nupstreams:\n  - { name: u, servers: [{ address: \"a:1\" }] }\n  - { name: u, servers: [{ address: \"a:1\" }] }",
            "5:13: error: two upstreams are named \"u\", the first on line 4; rename one"
        ),
    ])
    func aConflictIsReportedWhereItArises(text: String, expected: String) {
        #expect(problems(text) == [expected])
    }

    @Test func whatMayBeSharedIsAccepted() {
        #expect(
            problems(
                """
                listeners: [{ name: l, address: "a:0" }, { name: m, address: "a:0" }]
                admin: { address: "a:0" }
                routes:
                  - { name: l, match: { path: /a }, respond: 200 }
                  - { name: m, match: { path_prefix: /a }, respond: 200 }
                  - { name: n, match: { path: /a, query: { x: 1 } }, respond: 200 }
                upstreams: [{ name: unused, servers: [{ address: "s:1" }] }]
                """) == [])
    }
}
