import GatewayPolicy
import GatewayTelemetry
import Synchronization
import Testing

@testable import GatewayAdmin

@Suite("Changes asked of the admin endpoint")
struct AdminChangesTests {
    private static let caller = AdminCaller(peer: "127.0.0.1", hasToken: true)

    /// What the gateway was asked.
    private final class Calls: Sendable {
        private let calls = Mutex<[String]>([])
        var all: [String] { calls.withLock { $0 } }
        func note(_ call: String, by caller: AdminCaller) {
            calls.withLock { $0.append(caller == AdminChangesTests.caller ? call : "\(call) by \(caller)") }
        }
    }

    private func source(
        _ calls: Calls = Calls(), shedding: AdminShedding = .begun(sockets: 3), reload: AdminReload = .done([])
    ) -> AdminSource {
        let telemetry = Telemetry(loops: 1, version: "1.2.3")
        return AdminSource(
            snapshot: { telemetry.snapshot(uptimeSeconds: 1, draining: false) }, readiness: { .ready },
            connections: { _ in ConnectionList() },
            close: { id, code, reason, caller in
                calls.note("close \(id) \(code) \(reason)", by: caller)
                return id == 7
            },
            closeMany: { request, caller in
                calls.note("close \(request.filter.route ?? "-")", by: caller)
                return 12
            },
            reload: { apply, caller in
                calls.note(apply ? "reload" : "compare", by: caller)
                return reload
            },
            drain: { calls.note("drain", by: $0) },
            drainServer: { upstream, server, perSecond, caller in
                calls.note("drain \(upstream) \(server) \(perSecond ?? 0)", by: caller)
                return shedding
            },
            undrainServer: { upstream, server, caller in
                calls.note("undrain \(upstream) \(server)", by: caller)
                return shedding
            },
            rebalance: { upstream, perSecond, caller in
                calls.note("rebalance \(upstream) \(perSecond ?? 0)", by: caller)
                return shedding
            }, dashboard: .sample)
    }

    private func answer(_ method: String, _ target: String, from source: AdminSource) async -> AdminAnswer {
        switch AdminRequest(method: method, target: target, hosts: ["localhost"])
            .work(from: source, access: AdminAccess())
        {
        case .answer(let answer): return answer
        case .drain: return .text(202, "draining")
        case .live: return .text(200, "events")
        case .ask(let question): return await question.answer(from: source, for: Self.caller)
        }
    }

    private func text(_ answer: AdminAnswer) -> String { String(decoding: answer.body, as: UTF8.self) }

    @Test(
        "each path asks the gateway for its change, and says what became of it",
        arguments: [
            ("DELETE", "/connections/7?code=4001&reason=x", "close 7 4001 x", 202, "closing"),
            ("DELETE", "/connections/8", "close 8 1008 ", 404, "no connection has this number"),
            ("DELETE", "/connections?route=chat", "close chat", 200, #"{"closing":12}"#),
            ("POST", "/upstreams/a/servers/b:1/drain", "drain a b:1 0.0", 202, #"{"sockets":3}"#),
            ("POST", "/upstreams/a/servers/b:1/drain?rate=2.5/s", "drain a b:1 2.5", 202, #"{"sockets":3}"#),
            ("POST", "/upstreams/a/servers/b:1/undrain", "undrain a b:1", 202, #"{"sockets":3}"#),
            ("POST", "/upstreams/a/rebalance", "rebalance a 0.0", 202, #"{"sockets":3}"#),
            ("POST", "/upstreams/a/rebalance?rate=600/m", "rebalance a 10.0", 202, #"{"sockets":3}"#),
        ])
    func changes(method: String, target: String, call: String, status: Int, body: String) async {
        let calls = Calls()
        let answer = await answer(method, target, from: source(calls))
        #expect(calls.all == [call])
        #expect(answer.status == status)
        #expect(text(answer) == body + "\n")
        #expect(answer.contentType == (body.hasPrefix("{") ? "application/json" : "text/plain; charset=utf-8"))
    }

    @Test(
        "a reload answers in JSON, whatever becomes of it; reading only compares",
        arguments: [("POST", "reload"), ("GET", "compare"), ("HEAD", "compare")])
    func reload(method: String, call: String) async {
        for (outcome, status) in [(AdminReload.done(Array("{}".utf8)), 200), (.refused(Array("{}".utf8)), 400)] {
            let calls = Calls()
            let answer = await answer(method, "/reload", from: source(calls, reload: outcome))
            #expect(calls.all == [call])
            #expect(answer == AdminAnswer(status: status, contentType: "application/json", body: Array("{}\n".utf8)))
        }
    }

    @Test(
        "upstreams and servers are named in the path, encoded or not",
        arguments: [
            ("/upstreams/chat/servers/127.0.0.1:9001/drain", "drain chat 127.0.0.1:9001 0.0"),
            ("/upstreams/chat/servers/127.0.0.1%3A9001/drain", "drain chat 127.0.0.1:9001 0.0"),
            ("/upstreams/chat/servers/[::1]:9001/drain", "drain chat [::1]:9001 0.0"),
            ("/upstreams/chat/servers/%5B%3a%3A1%5d:9001/undrain", "undrain chat [::1]:9001"),
            ("/upstreams/chat/servers/Backend.Internal:1/drain", "drain chat backend.internal:1 0.0"),
            ("/upstreams/chat/servers/unix:/run/X.sock/drain", "drain chat unix:/run/X.sock 0.0"),
            ("/upstreams/chat/servers/unix:%2Frun%2FX.sock/drain", "drain chat unix:/run/X.sock 0.0"),
            ("/upstreams/chat/servers/unix:/run/drain/drain", "drain chat unix:/run/drain 0.0"),
            ("/upstreams/chat/servers/unix:/run/a+b%20c.sock/drain?rate=1/s", "drain chat unix:/run/a+b c.sock 1.0"),
            ("/upstreams/a%2Fb%20c/rebalance", "rebalance a/b c 0.0"),
            ("/upstreams/servers/servers/drain:1/drain", "drain servers drain:1 0.0"),
        ])
    func names(target: String, call: String) async {
        let calls = Calls()
        _ = await answer("POST", target, from: source(calls))
        #expect(calls.all == [call])
    }

    @Test(
        "what can't be shed is said by name",
        arguments: [
            (.noUpstream, 404, #"no upstream is named "a\u009b"; GET /stats lists them"#),
            (.noServer, 404, #"upstream "a\u009b" has no server "b:1"; GET /stats lists its servers"#),
            (.refused("b:1 is the last server"), 409, "b:1 is the last server"),
        ] as [(AdminShedding, Int, String)])
    func notShed(shedding: AdminShedding, status: Int, line: String) async {
        let answer = await answer("POST", "/upstreams/a%C2%9B/servers/b:1/drain", from: source(shedding: shedding))
        #expect(answer == .text(status, line))
    }

    @Test(
        "a rate is a positive number a second or a minute",
        arguments: [
            ("50/s", 50), ("50%2Fs", 50), ("0.5/s", 0.5), ("30/m", 0.5), ("1000000/s", 1_000_000), ("0.06/m", 0.001),
            ("007/s", 7), ("", nil), ("50", nil), ("/s", nil), ("0/s", nil), ("0.0/s", nil), ("-1/s", nil),
            ("+1/s", nil),
            ("%2B1/s", nil), ("1e3/s", nil), ("1./s", nil), (".5/s", nil), ("1.2.3/s", nil), ("50/h", nil),
            ("50/S", nil), ("50 /s", nil), ("0x10/s", nil), ("inf/s", nil), ("nan/s", nil), ("1000001/s", nil),
            ("0.0009/s", nil), ("99999999999999999999/s", nil), ("٣/s", nil),
        ] as [(String, Double?)])
    func rates(text: String, perSecond: Double?) {
        let work = AdminRequest(method: "POST", target: "/upstreams/a/rebalance?rate=\(text)", hosts: ["localhost"])
            .work(from: source(), access: AdminAccess())
        guard let perSecond else {
            guard case .answer(let answer) = work else {
                Issue.record("expected a refusal, got \(work)")
                return
            }
            #expect(answer.status == 400)
            #expect(self.text(answer).hasPrefix("expected a rate such as 50/s"))
            return
        }
        #expect(work == .ask(.rebalance(upstream: "a", perSecond: perSecond)))
    }

    @Test("a close without a rate is of all at once")
    func noRate() {
        let work = AdminRequest(method: "POST", target: "/upstreams/a/rebalance", hosts: ["localhost"])
            .work(from: source(), access: AdminAccess())
        #expect(work == .ask(.rebalance(upstream: "a", perSecond: nil)))
    }
}
