import GatewayConfig
import Testing

@Suite struct RouteReaderTests {
    @Test func everyKeyIsRead() throws {
        let route = try parse(
            .route,
            """
            match:
              hosts: [Chat.Example.com, "*.chat.example.com"]
              path_prefix: /chat
              headers: { X-Tenant: blue, X-Beta: true }
              query: { room: 7 }
              subprotocols: [graphql-transport-ws]
            rewrite: { strip_prefix: /chat }
            origins: ["https://Example.com:443"]
            missing_origin: deny
            max_connections: 2000
            max_connections_per_ip: 50
            http: off
            max_body_size: 10MiB
            max_requests: 200
            queue: { size: 30, timeout: 4s }
            max_message_size: 2GiB
            idle_timeout: 1m
            max_lifetime: 1h
            ping_interval: 0s
            pong_timeout: 3s
            close_timeout: 250ms
            validate_utf8: false
            compression:
              mode: terminate
              window_bits: 15
              memory_level: 9
              level: 1
              context_takeover: false
              threshold: 1KiB
              max_ratio: 0
              upstream: on
            legacy_versions: []
            request_headers: { set: { X-Env: prod, Host: backend }, remove: [Cookie] }
            response_headers: { set: {}, remove: [Server] }
            on_change: { changed: drain, removed: close }
            """
        ).routes[0]
        var session = SessionSettings()
        session.maxMessageSize = 2_147_483_648
        session.idleTimeout = .seconds(60)
        session.maxLifetime = .seconds(3600)
        session.pingInterval = .zero
        session.pongTimeout = .seconds(3)
        session.closeTimeout = .milliseconds(250)
        session.validateUTF8 = false
        session.compression.windowBits = 15
        session.compression.memoryLevel = 9
        session.compression.level = 1
        session.compression.contextTakeover = false
        session.compression.threshold = 1024
        session.compression.maxRatio = 0
        session.compression.upstream = true
        #expect(
            route
                == RouteConfiguration(
                    name: "r",
                    match: RouteMatchConfiguration(
                        hosts: ["chat.example.com", "*.chat.example.com"], path: .prefix("/chat"),
                        headers: ["x-tenant": "blue", "x-beta": "true"], query: ["room": "7"],
                        subprotocols: ["graphql-transport-ws"]),
                    action: .upstream("u"), rewrite: .stripPrefix("/chat"),
                    origins: OriginPolicy(allowed: ["https://example.com"], allowMissing: false),
                    maxConnections: 2000, maxConnectionsPerIP: 50, http: false, maxBodySize: 10_485_760,
                    maxRequests: 200, queue: QueueConfiguration(size: 30, timeout: .seconds(4)), session: session,
                    requestHeaders: HeaderEdits(set: ["x-env": "prod", "host": "backend"], remove: ["cookie"]),
                    responseHeaders: HeaderEdits(set: [:], remove: ["server"]),
                    onChange: OnChange(changed: .drain, removed: .close)))
    }

    @Test func aRouteWithoutSettingsHasTheDefaults() throws {
        #expect(try parse(.route, "").routes == [RouteConfiguration(name: "r", action: .upstream("u"))])
    }

    @Test(arguments: [
        ("{ strip_prefix: /a }", PathRewrite.stripPrefix("/a")), ("{ path: /a }", .path("/a")),
        ("{ replace_prefix: { from: /a, to: /b } }", .replacePrefix(from: "/a", to: "/b")),
    ])
    func aPathIsRewritten(lines: String, expected: PathRewrite) throws {
        #expect(try parse(.route, "rewrite: \(lines)").routes[0].rewrite == expected)
    }

    @Test(arguments: [
        ("rate: {}", "4:5: error: rate is not supported yet"),
        ("slow_consumer: {}", "4:5: error: slow_consumer is not supported yet"),
        ("legacy_versions: 8", "4:22: error: expected a list of drafts such as [8, 7, hixie-76], found \"8\""),
        ("legacy_versions: [6]", "4:23: error: expected 8, 7 or hixie-76, found \"6\""),
        (
            "legacy_versions: [13]",
            "4:23: error: expected 8, 7 or hixie-76, found \"13\"; 13 is RFC 6455, and every route accepts it"
        ),
        (
            "legacy_versions: [hixie76]",
            "4:23: error: expected 8, 7 or hixie-76, found \"hixie76\"; did you mean \"hixie-76\"?"
        ),
        ("legacy_versions: [8, 7, 8]", "4:29: error: version 8 is already in the list"),
        ("command: [cat]", "4:5: error: upstream and command exclude each other; remove one of them"),
        ("redirect: /x", "4:5: error: upstream and redirect exclude each other; remove one of them"),
        (
            "rewrite: {}",
            "4:14: error: expected a mapping with one of strip_prefix, replace_prefix and path, found none of them"
        ),
        (
            "rewrite: { path: /a, strip_prefix: /b }",
            "4:26: error: path and strip_prefix exclude each other; remove one of them"
        ),
        ("rewrite: { path: a }", "4:22: error: expected a path that starts with /, found \"a\""),
        ("rewrite: { replace_prefix: { from: /a } }", "4:32: error: missing key \"to\""),
        ("max_conections: 1", "4:5: error: unknown key \"max_conections\"; did you mean \"max_connections\"?"),
        ("origin: []", "4:5: error: unknown key \"origin\"; did you mean \"origins\"?"),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(.route, lines) == [expected])
    }

    @Test func aRouteLeadsSomewhere() {
        let listeners = "listeners: [{ name: l, address: \"a:1\" }]\n"
        #expect(
            problems(listeners + "routes: [{ name: r }]") == [
                "2:10: error: expected one of upstream, redirect, respond and command, found none of them"
            ])
        #expect(
            problems(listeners + "routes: [{ name: r, respond: 200, command: [/bin/cat] }]") == [
                "2:35: error: respond and command exclude each other; remove one of them"
            ])
        #expect(
            problems(listeners + "routes: [{ name: r, command: [/bin/cat], rewrite: { path: /a } }]") == [
                "2:42: error: rewrite has an effect only with upstream; remove it"
            ])
        #expect(
            problems(listeners + "routes: [{ name: r, respond: 200, rewrite: { path: /a } }]") == [
                "2:35: error: rewrite has an effect only with upstream; remove it"
            ])
        #expect(
            problems(
                listeners
                    + "routes: [{ name: r, redirect: /x, http: on, max_body_size: 1, max_requests: 1, queue: {} }]")
                == [
                    "2:35: error: http has an effect only with upstream; remove it",
                    "2:45: error: max_body_size has an effect only with upstream; remove it",
                    "2:63: error: max_requests has an effect only with upstream; remove it",
                    "2:80: error: queue has an effect only with upstream; remove it",
                ])
        #expect(
            problems(listeners + "routes: [{ name: a b, respond: 200 }]") == [
                "2:18: error: expected a name of letters, digits, - _ and ., at most 64, found \"a b\""
            ])
    }
}
