import GatewayConfig
import Testing

@Suite("A configuration in words")
struct ConfigurationSectionTests {
    private func sections() throws -> [ConfigurationSection] {
        try parse(
            """
            listeners:
              - name: public
                address: "127.0.0.1:8443"
                tls: { certificates: [{ certificate: a, private_key: b }], client_ca: c }
                trusted_proxies: ["10.0.0.0/8", "2001:db8::/32"]
            admin: { address: "127.0.0.1:9901", token: hunter2, hosts: [metrics.internal] }
            limits: { max_connections: 10000 }
            routes:
              - name: chat
                match: { hosts: [a.example], path_prefix: /chat, headers: { X-Key: hunter2 }, query: { room: hunter2 } }
                upstream: u
                max_connections: 2000
                origins: ["https://a.example"]
                queue: { size: 100, timeout: 2s }
                request_headers: { set: { X-Env: hunter2 }, remove: [Cookie] }
              - { name: old, match: { path: /old }, redirect: "/new?key=hunter2" }
              - { name: tool, match: { path: /tool }, command: { run: [/bin/sh, hunter2], environment: { KEY: hunter2 } } }
              - { name: rest, respond: { status: 200, body: hunter2, headers: { X-Key: hunter2 } } }
            upstreams:
              - name: u
                balance: { hash: { on: "header:X-User" } }
                sticky: { cookie: stay, secret: hunter2hunter2hunter2hunter2hunter2 }
                servers: [{ address: "s:1", weight: 3, max_connections: 5 }, { address: "unix:/s", state: down }]
                health_check: { path: "/health?key=hunter2" }
            """
        ).sections
    }

    private func value(_ title: String, _ name: String, _ key: String) throws -> String? {
        let item = try sections().first { $0.title == title }?.items.first { $0.name == name }
        return item?.lines.first { $0.key == key }?.value
    }

    @Test(
        "keys have the names of the file, defaults included",
        arguments: [
            ("Listeners", "public", "trusted_proxies", "10.0.0.0/8, 2001:db8:0:0:0:0:0:0/32"),
            ("Listeners", "public", "tls.minimum_version", "1.2"), ("Limits", "", "max_connections", "10000"),
            ("Limits", "", "max_connections_per_ip", "no cap"), ("Drain", "", "timeout", "30s"),
            ("Admin", "", "hosts", "metrics.internal"), ("Routes", "chat", "max_connections", "2000"),
            ("Routes", "chat", "queue", "100 for 2s"), ("Routes", "chat", "idle_timeout", "5m"),
            ("Routes", "chat", "max_message_size", "16MiB"), ("Routes", "chat", "match.path_prefix", "/chat"),
            ("Routes", "old", "redirect", "302 /new"), ("Upstreams", "u", "balance", "hash on header:x-user"),
            ("Upstreams", "u", "server s:1", "active, weight 3, max_connections 5"),
            ("Upstreams", "u", "server unix:/s", "down, weight 1"),
        ])
    func values(title: String, name: String, key: String, value: String) throws {
        #expect(try self.value(title, name, key) == value)
    }

    @Test("whatever may be a secret is masked")
    func secrets() throws {
        let all = try sections().flatMap(\.items).flatMap(\.lines)
        #expect(all.allSatisfy { !$0.value.contains("hunter2") && !$0.key.contains("hunter2") })
        #expect(try value("Admin", "", "token") == "••••")
        #expect(try value("Routes", "chat", "match.headers") == "x-key: ••••")
        #expect(try value("Upstreams", "u", "sticky") == "cookie stay, secret ••••")
    }

    @Test("what only redirects or answers has no limits of WebSockets")
    func others() throws {
        #expect(try value("Routes", "old", "idle_timeout") == nil)
        #expect(try value("Routes", "rest", "respond") == "200")
    }
}
