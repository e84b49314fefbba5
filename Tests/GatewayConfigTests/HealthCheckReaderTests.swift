import GatewayConfig
import Testing

@Suite struct HealthCheckReaderTests {
    @Test(arguments: [
        ("{}", HealthCheck()),
        ("{ tcp: true }", HealthCheck()),
        (
            "{ interval: 1m, timeout: 300ms, unhealthy_after: 1, healthy_after: 100 }",
            HealthCheck(interval: .seconds(60), timeout: .milliseconds(300), unhealthyAfter: 1, healthyAfter: 100)
        ),
        ("{ path: /health }", HealthCheck(kind: .http(path: "/health", statuses: [200...399]))),
        ("{ path: \"/a?b=c\", tcp: false }", HealthCheck(kind: .http(path: "/a?b=c", statuses: [200...399]))),
        ("{ path: /, status: 204 }", HealthCheck(kind: .http(path: "/", statuses: [204...204]))),
        ("{ path: /, status: 200-299 }", HealthCheck(kind: .http(path: "/", statuses: [200...299]))),
        (
            "{ path: /, status: [200, 401-403], websocket: false }",
            HealthCheck(kind: .http(path: "/", statuses: [200...200, 401...403]))
        ),
        ("{ websocket: true }", HealthCheck(kind: .webSocket(path: "/"))),
        (
            "{ websocket: true, path: /live, host: \"A.example:8080\" }",
            HealthCheck(kind: .webSocket(path: "/live"), host: "a.example:8080")
        ),
        (
            "{ path: /, host: \"[::1]:80\" }",
            HealthCheck(kind: .http(path: "/", statuses: [200...399]), host: "[::1]:80")
        ),
    ])
    func isRead(text: String, expected: HealthCheck) throws {
        #expect(try parse(.upstream, "health_check: \(text)").upstreams.map(\.healthCheck) == [expected])
    }

    @Test(arguments: [
        (
            "true",
            "4:19: error: expected a mapping with path, status, host, websocket, tcp, interval, timeout, unhealthy_after and healthy_after; {} checks by a connection alone, found \"true\""
        ),
        ("{ pth: / }", "4:21: error: unknown key \"pth\"; did you mean \"path\"?"),
        (
            "{ path: health }",
            "4:27: error: expected a path that starts with /, with or without a query, found \"health\""
        ),
        (
            "{ path: \"/a#b\" }",
            "4:27: error: expected a path that starts with /, with or without a query, found \"/a#b\""
        ),
        (
            "{ path: \"/a b\" }",
            "4:27: error: expected a path that starts with /, with or without a query, found \"/a b\""
        ),
        (
            "{ path: \"/\\r\\nX: y\" }",
            "4:27: error: expected a path that starts with /, with or without a query, found \"/\\r\\nX: y\""
        ),
        (
            "{ path: /, status: 99 }",
            "4:38: error: expected a status from 200 to 599, or a range such as 200-399, found \"99\""
        ),
        (
            "{ path: /, status: 399-200 }",
            "4:38: error: expected a status from 200 to 599, or a range such as 200-399, found \"399-200\""
        ),
        ("{ path: /, status: [] }", "4:38: error: expected a list of at least one status, found an empty list"),
        (
            "{ status: 200 }",
            "4:21: error: status does not fit the rest of this health_check; remove it, or add path, because a connection alone has no status"
        ),
        (
            "{ websocket: true, status: 200 }",
            "4:38: error: status does not fit the rest of this health_check; remove it, because a server accepts a WebSocket with 101"
        ),
        (
            "{ tcp: true, path: / }",
            "4:21: error: tcp does not fit the rest of this health_check; remove it, or remove path"
        ),
        (
            "{ tcp: false }",
            "4:21: error: tcp does not fit the rest of this health_check; remove it, or add path or websocket: true"
        ),
        (
            "{ host: a.example }",
            "4:21: error: host does not fit the rest of this health_check; remove it, or add path, because a connection alone has no Host"
        ),
        (
            "{ path: /, host: \"a:0\" }",
            "4:36: error: expected a host such as backend.internal or backend.internal:8080, found \"a:0\""
        ),
        ("{ interval: 99ms }", "4:31: error: expected a duration of 100ms or longer, found \"99ms\""),
        ("{ timeout: 0s }", "4:30: error: expected a duration longer than 0s"),
        ("{ unhealthy_after: 0 }", "4:38: error: expected a number from 1 to 100, found \"0\""),
    ])
    func mistakesAreSaid(text: String, expected: String) {
        #expect(problems(.upstream, "health_check: \(text)") == [expected])
    }

    @Test("no open WebSocket notices")
    func fate() throws {
        let old = try parse(.upstream, "health_check: {}")
        let new = try parse(.upstream, "health_check: { path: / }")
        let difference = ConfigurationDifference(from: old, to: new)
        #expect(difference.upstreams.changed == ["u"])
        #expect(difference.fate(route: "r", upstream: "u", server: .tcp(host: "s", port: 1)) == .keep)
    }

    @Test(arguments: [
        ("{}", "connection every 5s"), ("{ path: \"/a?token=x\", interval: 10m }", "GET /a every 10m"),
        ("{ websocket: true, path: /live, interval: 150ms }", "WebSocket /live every 150ms"),
    ])
    func isDescribed(text: String, expected: String) throws {
        #expect(
            try parse(.upstream, "health_check: \(text)").upstreams.map { $0.healthCheck?.description } == [expected])
    }
}
