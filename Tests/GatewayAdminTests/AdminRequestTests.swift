import GatewayPolicy
import GatewayTelemetry
import Testing

@testable import GatewayAdmin

@Suite("Requests to the admin endpoint")
struct AdminRequestTests {
    private func source(_ readiness: AdminSource.Readiness = .ready) -> AdminSource {
        let telemetry = Telemetry(loops: 1, version: "1.2.3")
        telemetry.acquire(route: "chat").maxConnections.set(7)
        return AdminSource(
            snapshot: { telemetry.snapshot(uptimeSeconds: 1, draining: readiness == .draining) },
            readiness: { readiness }, connections: { _ in ConnectionList() }, close: { _, _, _, _ in false },
            closeMany: { _, _ in 0 }, reload: { _, _ in .refused([]) }, drain: { _ in },
            drainServer: { _, _, _, _ in .noUpstream }, undrainServer: { _, _, _ in .noUpstream },
            rebalance: { _, _, _ in .noUpstream }, dashboard: .sample)
    }

    private func answer(
        _ method: String, _ target: String, authorization: String? = nil, token: String? = nil,
        readiness: AdminSource.Readiness = .ready
    ) -> AdminAnswer {
        answer(
            to: AdminRequest(method: method, target: target, authorization: authorization, hosts: ["127.0.0.1:9901"]),
            from: source(readiness), access: AdminAccess(token: token))
    }

    private func answer(
        to request: AdminRequest, from source: AdminSource, access: AdminAccess = AdminAccess()
    ) -> AdminAnswer {
        guard case .answer(let answer) = request.work(from: source, access: access) else {
            Issue.record("expected an answer")
            return .text(0, "")
        }
        return answer
    }

    private func text(_ answer: AdminAnswer) -> String { String(decoding: answer.body, as: UTF8.self) }

    // MARK: Paths and methods

    @Test(
        "a path and a method give a status, and a 405 names the methods",
        arguments: [
            ("GET", "/healthz", 200, nil), ("HEAD", "/healthz", 200, nil), ("POST", "/healthz", 405, "GET, HEAD"),
            ("GET", "/readyz", 200, nil), ("DELETE", "/readyz", 405, "GET, HEAD"),
            ("GET", "/stats", 200, nil), ("HEAD", "/stats", 200, nil), ("PUT", "/stats", 405, "GET, HEAD"),
            ("GET", "/stats?pretty=1", 200, nil), ("GET", "/metrics", 200, nil), ("POST", "/metrics", 405, "GET, HEAD"),
            ("GET", "/drain", 405, "POST"), ("HEAD", "/drain", 405, "POST"),
            ("PUT", "/connections", 405, "GET, HEAD, DELETE"), ("GET", "/connections/7", 405, "DELETE"),
            ("DELETE", "/reload", 405, "GET, HEAD, POST"), ("GET", "/upstreams/a/rebalance", 405, "POST"),
            ("GET", "/upstreams/a/servers/b:1/drain", 405, "POST"),
            ("DELETE", "/upstreams/a/servers/b:1/undrain", 405, "POST"),
            ("POST", "/upstreams", 404, nil), ("POST", "/upstreams/a", 404, nil),
            ("POST", "/upstreams//rebalance", 404, nil),
            ("POST", "/upstreams/a/rebalance/", 404, nil), ("POST", "/upstreams/a/servers/drain", 404, nil),
            ("POST", "/upstreams/a/servers//drain", 404, nil), ("POST", "/upstreams/a/servers/b:1", 404, nil),
            ("POST", "/upstreams/a/servers/b:1/drain/", 404, nil), ("POST", "/upstreams/a/b:1/drain", 404, nil),
            ("POST", "/reload/", 404, nil),
            ("GET", "/", 200, nil), ("POST", "/", 405, "GET, HEAD"), ("GET", "/login", 405, "POST"),
            ("GET", "/logout", 405, "POST"),
            ("POST", "/live", 405, "GET, HEAD"), ("GET", "/stats/", 404, nil), ("GET", "/Stats", 404, nil),
            ("GET", "", 404, nil),
            ("GET", "//stats", 404, nil), ("GET", "/stats%20", 404, nil), ("GET", "/../stats", 404, nil),
            ("GET", "?/stats", 404, nil), ("OPTIONS", "*", 404, nil), ("PROPFIND", "/stats", 405, "GET, HEAD"),
            ("OPTIONS", "/drain", 405, "POST"), ("GET", "http://127.0.0.1:9901/stats", 200, nil),
            ("GET", "HTTP://127.0.0.1:9901/healthz?x", 200, nil), ("GET", "http://127.0.0.1:9901", 200, nil),
        ] as [(String, String, Int, String?)])
    func pathsAndMethods(
        method: String, target: String, status: Int, allow: String?
    ) {
        let answer = answer(method, target)
        #expect(answer.status == status)
        #expect(answer.allow == allow)
        #expect(!answer.isChallenge)
        #expect(answer.body.last == UInt8(ascii: "\n"))
    }

    @Test(
        "a page of another origin can't change anything",
        arguments: [
            (nil, nil), ("http://127.0.0.1:9901", nil), ("HTTPS://127.0.0.1:9901", nil), ("null", 403), ("", 403),
            ("http://evil.example", 403), ("http://127.0.0.1", 403), ("http://1127.0.0.1:9901", 403),
            ("file://127.0.0.1:9901", 403), ("evil://127.0.0.1:9901", 403),
        ] as [(String?, Int?)])
    func pages(origin: String?, status: Int?) {
        for (method, target) in Self.changes {
            let request = AdminRequest(
                method: method, target: target, hosts: ["127.0.0.1:9901"], origins: origin.map { [$0] } ?? [])
            #expect(
                self.status(request.work(from: source(), access: AdminAccess())) == status, "\(method) \(target)")
        }
    }

    /// One request for each thing that changes something.
    private static let changes = [
        ("POST", "/drain"), ("POST", "/reload"), ("DELETE", "/connections/7"), ("DELETE", "/connections?route=chat"),
        ("POST", "/upstreams/a/servers/b:1/drain"), ("POST", "/upstreams/a/servers/b:1/undrain"),
        ("POST", "/upstreams/a/rebalance"),
    ]

    /// nil: the request is granted.
    private func status(_ work: AdminWork) -> Int? { if case .answer(let answer) = work { answer.status } else { nil } }

    @Test("stats are JSON and metrics are the Prometheus text format")
    func formats() {
        let stats = answer("GET", "/stats")
        #expect(stats.contentType == "application/json")
        #expect(text(stats).hasPrefix("{"))
        #expect(text(stats).contains(#""version":"1.2.3""#))
        let metrics = answer("GET", "/metrics")
        #expect(metrics.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text(metrics).contains("\nsluice_connections_limit{route=\"chat\"} 7\n"))
    }

    @Test(
        "a gateway that should get no traffic is alive and not ready",
        arguments: [
            (.ready, 200, "ready\n"), (.draining, 503, "draining\n"), (.noServerUp, 503, "no server up\n"),
        ] as [(AdminSource.Readiness, Int, String)])
    func readiness(
        readiness: AdminSource.Readiness, status: Int, body: String
    ) {
        let ready = answer("GET", "/readyz", readiness: readiness)
        #expect(ready.status == status)
        #expect(text(ready) == body)
        #expect(answer("GET", "/healthz", readiness: readiness).status == 200)
    }

    @Test("only a POST with the token begins a drain")
    func drain() {
        func work(_ method: String, _ authorization: String) -> AdminWork {
            AdminRequest(method: method, target: "/drain", authorization: authorization, hosts: ["localhost"])
                .work(from: source(), access: AdminAccess(token: "secret"))
        }
        #expect(status(work("GET", "Bearer secret")) == 405)
        #expect(status(work("HEAD", "Bearer secret")) == 405)
        #expect(status(work("POST", "Bearer wrong")) == 401)
        #expect(work("POST", "Bearer secret") == .drain)
    }

    // MARK: The token (RFC 6750 §2.1)

    @Test(
        "only the token itself opens a path",
        arguments: [
            ("Bearer secret", true), ("bearer secret", true), ("BEARER secret", true),
            (nil, false), ("", false), ("secret", false), ("Bearer", false), ("Bearer ", false),
            ("Bearer  secret", false),
            ("Bearer Secret", false), ("Bearer secre", false), ("Bearer secrets", false), ("Bearer ſecret", false),
            ("Basic secret", false), ("Bearer secret ", false),
        ] as [(String?, Bool)])
    func token(authorization: String?, opens: Bool) {
        for target in ["/stats", "/metrics", "/nothing"] {
            let answer = answer("GET", target, authorization: authorization, token: "secret")
            #expect((answer.status != 401) == opens, "\(target)")
            #expect(answer.isChallenge == !opens, "\(target)")
            if !opens { #expect(!text(answer).contains("secret")) }
        }
    }

    @Test("health needs no token")
    func healthWithoutToken() {
        #expect(answer("GET", "/healthz", token: "secret").status == 200)
        #expect(answer("GET", "/readyz", token: "secret", readiness: .draining).status == 503)
    }

    @Test("without a token every path is open")
    func noTokenConfigured() {
        #expect(answer("GET", "/stats", authorization: "Bearer whatever").status == 200)
        #expect(answer("GET", "/stats").status == 200)
    }

    @Test(
        "a caller has a token when one is wanted, and it gave that",
        arguments: [
            ("secret", "Bearer secret", true), ("secret", "Bearer wrong", false), ("secret", nil, false),
            (nil, "Bearer secret", false), (nil, nil, false),
        ] as [(String?, String?, Bool)])
    func callerHasToken(token: String?, authorization: String?, has: Bool) {
        #expect(AdminAccess(token: token).isToken(authorization) == has)
    }

    // MARK: Connections

    private func work(_ method: String, _ target: String, origin: String? = nil, token: String? = nil) -> AdminWork {
        AdminRequest(
            method: method, target: target, hosts: ["127.0.0.1:9901"], origins: origin.map { [$0] } ?? []
        ).work(from: source(), access: AdminAccess(token: token))
    }

    @Test(
        "a list is asked for with a filter",
        arguments: [
            ("/connections", ConnectionFilter()), ("/connections?", ConnectionFilter()),
            ("/connections?route=chat&limit=5", ConnectionFilter(route: "chat", limit: 5)),
            ("/connections?ip=%3A%3A1", ConnectionFilter(ip: "::1")),
            ("/connections?server=127.0.0.1:9001", ConnectionFilter(server: "127.0.0.1:9001")),
            ("/connections?server=unix:/run/a%2fb.sock", ConnectionFilter(server: "unix:/run/a/b.sock")),
            ("/connections?route=a+b%20c", ConnectionFilter(route: "a b c")),
            ("/connections?route", ConnectionFilter(route: "")),
        ])
    func lists(target: String, filter: ConnectionFilter) {
        #expect(work("GET", target) == .ask(.list(filter)))
        #expect(work("HEAD", target) == .ask(.list(filter)))
    }

    @Test(
        "a close is asked for with a code and a reason",
        arguments: [
            ("/connections/7", 7, 1008, ""), ("/connections/7?code=4001&reason=too%20loud", 7, 4001, "too loud"),
            ("/connections/18446744073709551615?code=1000", .max, 1000, ""),
        ] as [(String, UInt64, UInt16, String)])
    func closes(target: String, id: UInt64, code: UInt16, reason: String) {
        #expect(work("DELETE", target) == .ask(.close(id: id, code: code, reason: reason)))
        #expect(
            work("DELETE", target, origin: "http://127.0.0.1:9901")
                == .ask(.close(id: id, code: code, reason: reason)))
    }

    @Test(
        "what can't be used is refused with the reason",
        arguments: [
            ("POST", "/connections", 405), ("GET", "/connections/7", 405), ("DELETE", "/connections", 400),
            ("DELETE", "/connections?", 400), ("DELETE", "/connections?code=1008", 400),
            ("DELETE", "/connections?route=", 400), ("DELETE", "/connections?route", 400),
            // A variable of a script that isn't set must not make it the connections of every route.
            ("DELETE", "/connections?route=&ip=127.0.0.1", 400), ("DELETE", "/connections?route=a&limit=5", 400),
            ("DELETE", "/connections?route=a&route=b", 400), ("GET", "/connections?route=a&route=b", 400),
            ("DELETE", "/connections?route=a&code=1005", 400), ("DELETE", "/connections?route=a&rate=50", 400),
            ("POST", "/upstreams/%zz/rebalance", 400), ("POST", "/upstreams/a/servers/%ff/drain", 400),
            ("POST", "/upstreams/a/servers/b:1/undrain?rate=50/s", 400), ("POST", "/upstreams/a/rebalance?code=1", 400),
            ("DELETE", "/connections/", 400), ("DELETE", "/connections/-1", 400), ("DELETE", "/connections/x", 400),
            ("DELETE", "/connections/7?code=1005", 400), ("DELETE", "/connections/7?code=1006", 400),
            ("DELETE", "/connections/7?code=999", 400), ("DELETE", "/connections/7?code=70000", 400),
            ("DELETE", "/connections/7?reason=\(String(repeating: "x", count: 124))", 400),
            ("DELETE", "/connections/7?why=x", 400), ("GET", "/connections?limit=0", 400),
            ("GET", "/connections?limit=100001", 400), ("GET", "/connections?limit=x", 400),
            ("GET", "/connections?name=x", 400), ("GET", "/connections?route=%zz", 400),
            // Signs are no digits.
            ("GET", "/connections?limit=%2B5", 400), ("GET", "/connections?route=%+f", 400),
            ("GET", "/connections?route=%-0", 400), ("GET", "/connections?route=%4", 400),
            ("DELETE", "/connections/+7", 400), ("DELETE", "/connections/7?code=%2B4001", 400),
            ("GET", "/connections?route=%ff", 400),
        ])
    func mistakes(method: String, target: String, status: Int) {
        guard case .answer(let answer) = work(method, target) else {
            Issue.record("expected an answer")
            return
        }
        #expect(answer.status == status)
    }

    @Test("nobody without the token changes or lists anything")
    func strangers() {
        for (method, target) in Self.changes + [("GET", "/connections"), ("GET", "/reload")] {
            #expect(status(work(method, target, token: "secret")) == 401, "\(method) \(target)")
        }
    }

    @Test(
        "many are closed by what they have in common",
        arguments: [
            ("route=chat", ConnectionFilter(route: "chat", limit: .max), 1008, "", nil),
            ("server=127.0.0.1:9001&rate=50/s", ConnectionFilter(server: "127.0.0.1:9001", limit: .max), 1008, "", 50),
            (
                "ip=::1&route=a&code=4001&reason=bye+now&rate=30%2Fm",
                ConnectionFilter(route: "a", ip: "::1", limit: .max), 4001, "bye now", 0.5
            ),
        ] as [(String, ConnectionFilter, UInt16, String, Double?)])
    func closesMany(query: String, filter: ConnectionFilter, code: UInt16, reason: String, perSecond: Double?) {
        #expect(
            work("DELETE", "/connections?\(query)")
                == .ask(
                    .closeMany(ClosingRequest(filter: filter, code: code, reason: reason, perSecond: perSecond))))
    }

    // MARK: Host (RFC 9112 §3.2)

    private static let hosts: [(hosts: [String], method: String, origins: [String], status: Int)] = [
        // Probes and scrapers come by any name.
        (["metrics.example:9901"], "GET", [], 200), (["metrics.example"], "HEAD", [], 200),
        // What changes something comes by a known one.
        (["localhost"], "POST", [], 202), (["LOCALHOST:9901"], "POST", [], 202), (["localhost."], "POST", [], 202),
        (["127.0.0.1:9901"], "POST", [], 202), (["[::1]:9901"], "POST", [], 202), (["[::1]"], "POST", [], 202),
        (["10.1.2.3"], "POST", [], 202), (["admin.internal:9901"], "POST", [], 202),
        (["Admin.Internal"], "POST", [], 202),
        (["rebound.example:9901"], "POST", [], 403), (["sub.admin.internal"], "POST", [], 403),
        (["localhost.evil.example"], "POST", [], 403), (["127.0.0.1.evil.example"], "POST", [], 403),
        // A page whose name was made to resolve to this address is of the same origin to its browser.
        (["rebound.example:9901"], "POST", ["http://rebound.example:9901"], 403),
        (["rebound.example:9901"], "GET", ["http://rebound.example:9901"], 403),
        (["admin.internal:9901"], "GET", ["http://admin.internal:9901"], 200),
        (["admin.internal:9901"], "POST", ["http://admin.internal:9901"], 202),
        (["localhost"], "POST", ["http://localhost", "http://localhost"], 403),
        // No host, two, and what is none.
        ([], "GET", [], 400), ([], "POST", [], 400), (["localhost", "localhost"], "GET", [], 400),
        (["localhost", "evil.example"], "POST", [], 400), (["a b"], "GET", [], 400), ([""], "GET", [], 400),
        (["user@localhost"], "GET", [], 400), (["localhost/x"], "GET", [], 400), (["localhost:9x"], "GET", [], 400),
    ]

    @Test("a request says for which host it is", arguments: hosts)
    func host(_ request: (hosts: [String], method: String, origins: [String], status: Int)) {
        let work = AdminRequest(
            method: request.method, target: request.method == "POST" ? "/drain" : "/stats", hosts: request.hosts,
            origins: request.origins
        ).work(from: source(), access: AdminAccess(hosts: KnownHosts(["admin.internal"])))
        #expect(work == .drain ? request.status == 202 : status(work) == request.status)
    }

    @Test(
        "HTTP/1.0 has no Host, and may read",
        arguments: [
            ("GET", [], 200), ("HEAD", [], 200), ("POST", [], 400), ("GET", ["http://localhost"], 400),
        ] as [(String, [String], Int)])
    func hostOfHTTP10(method: String, origins: [String], status: Int) {
        let request = AdminRequest(
            method: method, target: method == "POST" ? "/drain" : "/stats", origins: origins, isHTTP10: true)
        #expect(answer(to: request, from: source()).status == status)
    }

    @Test(
        "a target in absolute form names the host of the field (RFC 9112 §3.2.2)",
        arguments: [
            ("http://localhost:9901/stats", 200), ("http://LOCALHOST:9901/stats", 200),
            ("http://evil.example/stats", 400), ("http://localhost/stats", 400), ("http:///stats", 400),
        ])
    func absoluteForm(target: String, status: Int) {
        let request = AdminRequest(method: "GET", target: target, hosts: ["localhost:9901"])
        #expect(answer(to: request, from: source()).status == status)
    }

    @Test("an absolute target has its query")
    func absoluteFormWithQuery() {
        #expect(
            AdminRequest(method: "GET", target: "http://localhost/connections?limit=5", hosts: ["localhost"])
                .work(from: source(), access: AdminAccess()) == .ask(.list(ConnectionFilter(limit: 5))))
    }
}
