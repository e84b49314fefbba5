import GatewayConfig
import Testing

@Suite struct UpstreamReaderTests {
    @Test func everyKeyIsRead() throws {
        let text = Section.upstream.file(
            with: """
                protocol: auto
                http1: { max_idle: 5, idle_timeout: 90s }
                h2: { max_connections: 3, max_streams: 7, ping_interval: 0s, ping_timeout: 1s, idle_timeout: 2m }
                balance: round_robin
                slow_start: 45s
                tls: { server_name: Backend.internal, ca: ca.pem, verify: false }
                connect_timeout: 1s
                response_timeout: 3s
                retries: 0
                dns_refresh: 1m
                host: Chat.example.com:8443
                proxy_protocol: v2
                source: [10.0.0.7, "FD00::7"]
                """
        ).replacing(
            "[{ address: \"s:1\" }]",
            with:
                "[{ address: \"[::1]:9001\", weight: 1000, max_connections: 500, priority: 100, state: draining }, { address: \"unix:/run/a.sock\" }]"
        )
        var http1 = UpstreamHTTP1()
        http1.maxIdle = 5
        http1.idleTimeout = .seconds(90)
        var http2 = UpstreamHTTP2()
        http2.maxConnections = 3
        http2.maxStreams = 7
        http2.pingInterval = .zero
        http2.pingTimeout = .seconds(1)
        http2.idleTimeout = .seconds(120)
        #expect(
            try parse(text).upstreams == [
                UpstreamConfiguration(
                    name: "u", protocol: .auto, balance: .roundRobin, slowStart: .seconds(45),
                    servers: [
                        ServerConfiguration(
                            address: .tcp(host: "::1", port: 9001), weight: 1000, maxConnections: 500, priority: 100,
                            state: .draining),
                        ServerConfiguration(address: .unix(path: "/run/a.sock")),
                    ], tls: UpstreamTLS(serverName: "backend.internal", ca: "/etc/sluice/ca.pem", verify: false),
                    connectTimeout: .seconds(1), responseTimeout: .seconds(3), plainResponseTimeout: .seconds(3),
                    retries: 0, dnsRefresh: .seconds(60),
                    http1: http1, http2: http2, host: .name("chat.example.com:8443"), proxyProtocol: .v2,
                    source: ["10.0.0.7", "fd00::7"])
            ])
    }

    @Test func anUpstreamWithoutSettingsHasTheDefaults() throws {
        #expect(
            try parse(.upstream, "tls: {}").upstreams == [
                UpstreamConfiguration(
                    name: "u", servers: [ServerConfiguration(address: .tcp(host: "s", port: 1))], tls: UpstreamTLS())
            ])
    }

    @Test(arguments: [
        ("http1: {}", 64, 60), ("http1: { max_idle: 0 }", 0, 60), ("http1: { max_idle: 10000 }", 10_000, 60),
        ("http1: { idle_timeout: 5s }", 64, 5),
    ])
    func connectionsThatAreKeptAreRead(lines: String, maxIdle: Int, seconds: Int) throws {
        let http1 = try parse(.upstream, lines).upstreams[0].http1
        #expect(http1.maxIdle == maxIdle)
        #expect(http1.idleTimeout == .seconds(seconds))
    }

    @Test func stickyIsRead() throws {
        let whole = try parse(
            .upstream,
            "sticky: { cookie: at, secret: hunter2, path: /chat, domain: Example.com, secure: true, http_only: false, same_site: strict, max_age: 1h }"
        )
        var expected = StickyConfiguration(cookie: "at")
        expected.secret = "hunter2"
        expected.path = "/chat"
        expected.domain = "example.com"
        expected.secure = true
        expected.httpOnly = false
        expected.sameSite = .strict
        expected.maxAge = .seconds(3600)
        #expect(whole.upstreams.map(\.sticky) == [expected])
        let short = try parse(.upstream, "sticky: { cookie: at, secret: \"\" }")
        #expect(short.upstreams.map(\.sticky) == [StickyConfiguration(cookie: "at")])
    }

    @Test(arguments: [
        ("http/1.1", UpstreamConfiguration.ServerProtocol.http1), ("h2", .http2), ("auto", .auto),
    ])
    func aProtocolIsRead(word: String, expected: UpstreamConfiguration.ServerProtocol) throws {
        #expect(try parse(.upstream, "protocol: \(word)").upstreams.map(\.protocol) == [expected])
    }

    @Test(arguments: [
        ("client", SentHost.client), ("upstream", .upstream), ("a.example", .name("a.example")),
        ("a.example:80", .name("a.example:80")), ("\"[::1]\"", .name("[::1]")), ("\"[::1]:9\"", .name("[::1]:9")),
        ("10.0.0.5:65535", .name("10.0.0.5:65535")),
    ])
    func aHostIsRead(text: String, expected: SentHost) throws {
        let configuration = try parse(.upstream, "host: \(text)")
        #expect(configuration.upstreams.map(\.host) == [expected])
        #expect(configuration.warnings == [])
    }

    @Test func aHostThatIsNearlyAWordIsWorthAWarning() throws {
        let configuration = try parse(.upstream, "host: upstraem")
        #expect(configuration.upstreams.map(\.host) == [.name("upstraem")])
        #expect(
            configuration.warnings.map(\.description) == [
                "test.yaml:4:11: warning: the gateway sends the servers the host \"upstraem\"; did you mean \"upstream\"?"
            ])
    }

    @Test(arguments: [("off", SentProxyProtocol.off), ("v1", .v1), ("v2", .v2)])
    func aVersionOfTheProxyProtocolIsRead(word: String, expected: SentProxyProtocol) throws {
        #expect(try parse(.upstream, "proxy_protocol: \(word)").upstreams.map(\.proxyProtocol) == [expected])
    }

    @Test(arguments: [
        (
            "host: a b", "4:11: error: expected client, upstream or a host such as chat.example.com, found \"a b\""
        ),
        (
            "host: http://a",
            "4:11: error: expected client, upstream or a host such as chat.example.com, found \"http://a\""
        ),
        (
            "host: a:65536",
            "4:11: error: expected client, upstream or a host such as chat.example.com, found \"a:65536\""
        ),
        ("proxy_protocol: v3", "4:21: error: expected off, v1 or v2, found \"v3\"; did you mean \"v1\"?"),
        ("proxy_protocol: true", "4:21: error: expected off, v1 or v2, found \"true\""),
        (
            "source: 10.0.0.7",
            "4:13: error: expected a list of this machine's addresses such as [10.0.0.7, 10.0.0.8], found \"10.0.0.7\""
        ),
        ("source: [10.0.0.0/24]", "4:14: error: expected an IP address such as 10.0.0.7, found \"10.0.0.0/24\""),
        ("source: [eth0]", "4:14: error: expected an IP address such as 10.0.0.7, found \"eth0\""),
        ("source: [\"::1\", \"0::1\"]", "4:21: error: 0::1 is listed twice"),
    ])
    func aMistakeInHowServersAreSpokenToIsReported(lines: String, expected: String) {
        #expect(problems(.upstream, lines) == [expected])
    }

    @Test(arguments: [
        ("round_robin", UpstreamConfiguration.Balance.roundRobin), ("least_connections", .leastConnections),
        ("random_two", .randomTwo), ("{ hash: { on: ip } }", .hash(.ip)), ("{ hash: { on: path } }", .hash(.path)),
        ("{ hash: { on: header:X-Room } }", .hash(.header("x-room"))),
        ("{ hash: { on: \"query:a:b\" } }", .hash(.query("a:b"))),
        ("{ hash: { on: cookie:Session } }", .hash(.cookie("Session"))),
    ])
    func aBalanceIsRead(text: String, expected: UpstreamConfiguration.Balance) throws {
        #expect(try parse(.upstream, "balance: \(text)").upstreams.map(\.balance) == [expected])
    }

    @Test(arguments: [
        (
            "protocol: http/1.0",
            "4:15: error: expected http/1.1, h2 or auto, found \"http/1.0\"; did you mean \"http/1.1\"?"
        ),
        (
            "balance: hash",
            "4:14: error: hash needs on; write balance: { hash: { on: ip } }, where on is ip, path, header:NAME, query:NAME or cookie:NAME"
        ),
        ("balance: {}", "4:14: error: missing key \"hash\""),
        ("balance: { hash: {} }", "4:22: error: missing key \"on\""),
        (
            "balance: { hash: ip }",
            "4:22: error: expected a mapping with on: ip, path, header:NAME, query:NAME or cookie:NAME, found \"ip\""
        ),
        (
            "balance: { hash: { on: headr:X-Room } }",
            "4:28: error: expected ip, path, header:NAME, query:NAME or cookie:NAME, found \"headr:X-Room\"; did you mean \"header\"?"
        ),
        (
            "balance: { hash: { on: \"header:a b\" } }",
            "4:28: error: expected ip, path, header:NAME, query:NAME or cookie:NAME, found \"header:a b\""
        ),
        (
            "balance: { hash: { on: cookie } }",
            "4:28: error: expected ip, path, header:NAME, query:NAME or cookie:NAME, found \"cookie\""
        ),
        ("slow_start: soon", "4:17: error: expected a duration such as 10s, found \"soon\""),
        (
            "balance: round-robin",
            "4:14: error: expected round_robin, least_connections, random_two or hash, found \"round-robin\"; did you mean \"round_robin\"?"
        ),
        ("sticky: {}", "4:13: error: missing key \"cookie\""),
        ("sticky: { cookie: a b }", "4:23: error: expected the name of a cookie such as sluice_server, found \"a b\""),
        (
            "sticky: { cookie: a, path: \"/;x\" }",
            "4:32: error: expected a path that starts with /, found \"/;x\""
        ),
        ("sticky: { cookie: a, domain: a;b }", "4:34: error: expected a host name such as example.com, found \"a;b\""),
        (
            "sticky: { cookie: a, same_site: laxx }",
            "4:37: error: expected strict, lax or none, found \"laxx\"; did you mean \"lax\"?"
        ),
        (
            "sticky: { cookie: a, same_site: none, secure: false }",
            "4:13: error: browsers reject a cookie with same_site: none that is not secure; add secure: true"
        ),
        ("sticky: { cookie: a, max_age: 0s }", "4:35: error: expected a duration longer than 0s"),
        (
            "sticky: { cookie: a, secret: [hunter2] }",
            "4:34: error: expected text, or \"\" for no secret, found a list"
        ),
        ("http1: { max_idle: -1 }", "4:24: error: expected a number from 0 to 10000, found \"-1\""),
        ("http1: { max_idle: 10001 }", "4:24: error: expected a number from 0 to 10000, found \"10001\""),
        ("http1: { idle_timeout: 0s }", "4:28: error: expected a duration longer than 0s"),
        ("http1: off", "4:12: error: expected a mapping with max_idle and idle_timeout, found \"off\""),
        ("http1: { idle: 5 }", "4:14: error: unknown key \"idle\"; expected idle_timeout, max_idle"),
        ("h2: { max_connections: 0 }", "4:28: error: expected a number from 1 to 100, found \"0\""),
        ("h2: { max_streams: 100001 }", "4:24: error: expected a number from 1 to 100000, found \"100001\""),
        ("h2: { idle_timeout: 0s }", "4:25: error: expected a duration longer than 0s"),
        (
            "h2: { streams: 5 }",
            "4:11: error: unknown key \"streams\"; expected idle_timeout, max_connections, max_streams, ping_interval, ping_timeout"
        ),
        (
            "h2: on",
            "4:9: error: expected a mapping with max_connections, max_streams, ping_interval, ping_timeout and idle_timeout, found \"on\""
        ),
        ("retries: 11", "4:14: error: expected a number from 0 to 10, found \"11\""),
        ("connect_timeout: 0s", "4:22: error: expected a duration longer than 0s"),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(.upstream, lines) == [expected])
    }

    @Test(arguments: [
        ("[]", "3:14: error: expected a list of at least one { address: HOST:PORT }, found an empty list"),
        (
            "[{ address: \"a:1\" }, { address: \"a:1\" }]",
            "3:46: error: the server a:1 is listed twice; give it a weight instead"
        ),
        ("[{ address: \"a:1\", weight: 1001 }]", "3:41: error: expected a number from 1 to 1000, found \"1001\""),
        ("[{ address: \"a:1\", priority: 101 }]", "3:43: error: expected a number from 0 to 100, found \"101\""),
        (
            "[{ address: \"a:1\", state: drainning }]",
            "3:40: error: expected active, draining or down, found \"drainning\"; did you mean \"draining\"?"
        ),
        ("[{ weight: 1 }]", "3:15: error: missing key \"address\""),
        ("[\"a:1\"]", "3:15: error: expected a mapping with address, found \"a:1\""),
    ])
    func aMistakeInAServerIsReportedAtItsPlace(servers: String, expected: String) {
        let text = Section.upstream.file(with: "").replacing("[{ address: \"s:1\" }]", with: servers)
        #expect(problems(text) == [expected])
    }

    @Test(arguments: [
        ("active", ServerConfiguration.State.active), ("draining", .draining), ("down", .down),
    ])
    func aStateIsRead(word: String, expected: ServerConfiguration.State) throws {
        let servers = "[{ address: \"s:1\", state: \(word) }, { address: \"s:2\" }]"
        let text = Section.upstream.file(with: "").replacing("[{ address: \"s:1\" }]", with: servers)
        let configuration = try parse(text)
        #expect(configuration.upstreams[0].servers.map(\.state) == [expected, .active])
        #expect(configuration.warnings == [])
    }

    @Test(arguments: ["draining", "down"])
    func anUpstreamWithoutAnActiveServerIsWorthAWarning(word: String) throws {
        let servers = "[{ address: \"s:1\", state: \(word) }, { address: \"s:2\", state: down }]"
        let text = Section.upstream.file(with: "").replacing("[{ address: \"s:1\" }]", with: servers)
        #expect(
            try parse(text).warnings.map(\.description) == [
                "test.yaml:2:5: warning: no server of this upstream accepts new WebSockets, because all are draining or down; "
                    + "set state: active for one"
            ])
    }
}
