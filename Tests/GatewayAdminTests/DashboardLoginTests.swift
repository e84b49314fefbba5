import GatewayPolicy
import GatewayTelemetry
import Testing

@testable import GatewayAdmin

@Suite("Logging in to the dashboard")
struct DashboardLoginTests {
    private let access = AdminAccess(token: "s3cret+token")
    private static let page = "http://127.0.0.1:9901"

    private func request(
        _ method: String, _ target: String, origin: String? = page, cookies: [String] = [], body: String = "",
        host: String = "127.0.0.1:9901", now: Double = 1000
    ) -> AdminRequest {
        AdminRequest(
            method: method, target: target, hosts: [host], origins: origin.map { [$0] } ?? [], cookies: cookies,
            body: Array(body.utf8), now: now)
    }

    private func answer(_ request: AdminRequest, access: AdminAccess? = nil) -> AdminAnswer? {
        guard case .answer(let answer) = request.work(from: .sample, access: access ?? self.access) else { return nil }
        return answer
    }

    /// The `name=value` of a login that is granted.
    private func logIn(_ access: AdminAccess? = nil, now: Double = 1000) throws -> String {
        let answer = self.answer(request("POST", "/login", body: "token=s3cret%2Btoken", now: now), access: access)
        let cookie = try #require(answer?.setCookie)
        return String(try #require(cookie.split(separator: ";").first))
    }

    @Test("the token opens a session, whose cookie says nothing about it")
    func login() throws {
        let answer = try #require(self.answer(request("POST", "/login", body: "token=s3cret%2Btoken")))
        #expect(answer.status == 303 && answer.location == "/")
        let cookie = try #require(answer.setCookie)
        #expect(cookie.hasPrefix("sluice_session_9901="))
        #expect(cookie.hasSuffix("; Path=/; HttpOnly; SameSite=Strict"))
        #expect(!cookie.contains("s3cret"))
        #expect(try logIn() != logIn(), "each session has a number of its own")
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("s3cret"))
    }

    @Test("a page that came by TLS gets a cookie for TLS alone")
    func secure() throws {
        let request = AdminRequest(
            method: "POST", target: "/login", hosts: ["localhost"], origins: ["https://localhost"],
            body: Array("token=s3cret%2Btoken".utf8))
        let cookie = try #require(answer(request)?.setCookie)
        #expect(cookie.hasPrefix("sluice_session=") && cookie.hasSuffix("; Secure"))
    }

    @Test(
        "what is not the token opens nothing",
        arguments: [
            "", "token=", "token=s3cret", "token=s3cret+token", "token=s3cret%2Btoken&token=x", "toke=x", "%ff",
        ])
    func wrong(body: String) {
        let answer = self.answer(request("POST", "/login", body: body))
        #expect(answer?.status == 401)
        #expect(answer?.setCookie == nil)
        #expect(answer?.contentType == "text/html; charset=utf-8")
    }

    @Test("the cookie opens the page, the stream, what is read, and what a page of its own changes")
    func session() throws {
        let cookie = try logIn()
        #expect(answer(request("GET", "/", origin: nil, cookies: [cookie]))?.status == 200)
        #expect(request("GET", "/live", origin: nil, cookies: [cookie]).work(from: .sample, access: access) == .live)
        #expect(answer(request("GET", "/stats", origin: nil, cookies: ["other=1; \(cookie)"]))?.status == 200)
        #expect(request("POST", "/drain", cookies: [cookie]).work(from: .sample, access: access) == .drain)
    }

    @Test("without it there is a page that asks for the token, and nothing else")
    func none() {
        for cookies in [[], ["sluice_session_9901=x"], ["sluice_session_9901="]] {
            let page = answer(request("GET", "/", origin: nil, cookies: cookies))
            #expect(page?.status == 401 && page?.isChallenge == true)
            let html = String(decoding: page?.body ?? [], as: UTF8.self)
            #expect(html.contains("action=\"/login\""))
            for path in ["/live", "/stats", "/connections"] {
                #expect(answer(request("GET", path, origin: nil, cookies: cookies))?.status == 401, "\(path)")
            }
            #expect(answer(request("POST", "/drain", cookies: cookies))?.status == 401)
        }
    }

    @Test("the cookie alone changes nothing: the page has to say where it comes from")
    func forgery() throws {
        let cookie = try logIn()
        for origin in [nil, "http://evil.example", "null"] {
            #expect(answer(request("POST", "/drain", origin: origin, cookies: [cookie]))?.status == 403)
            #expect(answer(request("DELETE", "/connections/1", origin: origin, cookies: [cookie]))?.status == 403)
        }
        let watching = request("GET", "/live", origin: "http://evil.example", cookies: [cookie])
        #expect(answer(watching)?.status == 403)
        #expect(
            answer(request("POST", "/login", origin: "http://evil.example", body: "token=s3cret%2Btoken"))?.status
                == 403)
    }

    @Test("a session ends by logging out, by time, and with the token")
    func ends() throws {
        let cookie = try logIn()
        let out = answer(request("POST", "/logout", cookies: [cookie]))
        #expect(out?.status == 303)
        #expect(out?.setCookie?.hasSuffix("; Max-Age=0") == true)
        #expect(answer(request("GET", "/stats", origin: nil, cookies: [cookie]))?.status == 401)

        let late = try logIn()
        let end = 1000 + DashboardSessions.lifetime
        #expect(answer(request("GET", "/stats", origin: nil, cookies: [late], now: end - 1))?.status == 200)
        #expect(answer(request("GET", "/stats", origin: nil, cookies: [late], now: end))?.status == 401)

        let changed = try logIn()
        let next = AdminAccess(token: "another", sessions: access.sessions)
        #expect(answer(request("GET", "/stats", origin: nil, cookies: [changed]), access: next)?.status == 401)
    }

    @Test("sessions are bounded: the oldest gives way")
    func bound() throws {
        let first = try logIn()
        for _ in 0..<DashboardSessions.maximum { _ = try logIn() }
        #expect(answer(request("GET", "/stats", origin: nil, cookies: [first]))?.status == 401)
    }

    @Test("guesses are slowed down, and the right token has to wait as well")
    func guesses() {
        for _ in 0..<10 { #expect(answer(request("POST", "/login", body: "token=x"))?.status == 401) }
        let refused = answer(request("POST", "/login", body: "token=s3cret%2Btoken"))
        #expect(refused?.status == 429 && refused?.retryAfter == 5)
        #expect(answer(request("POST", "/login", body: "token=s3cret%2Btoken", now: 1005))?.status == 303)
    }

    @Test("a page whose name was made to resolve to the gateway sees none of the dashboard")
    func names() {
        for (method, path) in [("GET", "/"), ("GET", "/live"), ("POST", "/login"), ("POST", "/logout")] {
            let request = AdminRequest(method: method, target: path, hosts: ["evil.example:9901"])
            guard case .answer(let answer) = request.work(from: .sample, access: AdminAccess()) else {
                Issue.record("\(path) was granted")
                continue
            }
            #expect(answer.status == 403, "\(method) \(path)")
        }
        let known = AdminAccess(hosts: KnownHosts(["metrics.internal"]))
        let request = AdminRequest(method: "GET", target: "/", hosts: ["metrics.internal"])
        #expect(answer(request, access: known)?.status == 200)
    }

    @Test("where no token is wanted the page is there, and a cookie means nothing")
    func withoutToken() {
        let open = AdminAccess()
        let page = answer(request("GET", "/", origin: nil), access: open)
        #expect(page?.status == 200)
        #expect(page?.contentSecurityPolicy?.contains("default-src 'none'") == true)
        #expect(answer(request("POST", "/login", body: "token=x"), access: open)?.location == "/")
        #expect(!request("GET", "/", cookies: ["sluice_session_9901=x"]).hasSession(open))
    }
}
