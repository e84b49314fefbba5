import GatewayTelemetry

/// An admin request's answer.
struct AdminAnswer {
    var status: Int
    var contentType = "text/plain; charset=utf-8"
    var body: [UInt8]
    /// Methods the path takes, for a 405.
    var allow: String?
    var isChallenge = false

    static func text(_ status: Int, _ line: String) -> AdminAnswer {
        AdminAnswer(status: status, body: Array("\(line)\n".utf8))
    }
}

/// Decides what an admin request gets.
struct AdminRequest {
    var method: String
    /// With query.
    var target: String
    /// The `Authorization` field.
    var authorization: String?
    var host: String?
    /// The `Origin` field: only pages in browsers send it (RFC 6454 §7).
    var origin: String?

    func answer(from source: AdminSource, token: String?) -> AdminAnswer {
        let path = target.prefix { $0 != "?" }
        switch path {
        case "/healthz":
            return reading { .text(200, "alive") }
        case "/readyz":
            return reading {
                let readiness = source.readiness()
                return .text(readiness == .ready ? 200 : 503, readiness.rawValue)
            }
        default:
            break
        }
        guard isAuthorized(token) else {
            var refusal = AdminAnswer.text(401, "this path wants Authorization: Bearer with the admin token")
            refusal.isChallenge = true
            return refusal
        }
        switch path {
        case "/stats":
            return reading {
                AdminAnswer(status: 200, contentType: "application/json", body: source.snapshot().json() + [0x0A])
            }
        case "/metrics":
            return reading {
                AdminAnswer(
                    status: 200, contentType: PrometheusText.contentType,
                    body: Array(PrometheusText(source.snapshot()).render().utf8))
            }
        case "/drain":
            guard method == "POST" else { return notAllowed("POST") }
            guard !isOfForeignPage else {
                return .text(403, "pages of other origins may not send this")
            }
            source.drain()
            return .text(202, "draining")
        default:
            return .text(404, "no such path; there are /healthz, /readyz, /stats, /metrics and POST /drain")
        }
    }

    private func reading(_ answer: () -> AdminAnswer) -> AdminAnswer {
        method == "GET" || method == "HEAD" ? answer() : notAllowed("GET, HEAD")
    }

    private func notAllowed(_ methods: String) -> AdminAnswer {
        var answer = AdminAnswer.text(405, "this path takes \(methods)")
        answer.allow = methods
        return answer
    }

    /// A page can have any browser on this machine post to a loopback address, and needs no answer to do harm.
    private var isOfForeignPage: Bool {
        guard let origin else { return false }
        guard let host, !host.isEmpty else { return true }
        return !origin.lowercased().hasSuffix("://\(host.lowercased())")
    }

    /// Takes the same time wherever the token is wrong.
    private func isAuthorized(_ token: String?) -> Bool {
        guard let token else { return true }
        guard let authorization, authorization.prefix(7).lowercased() == "bearer " else { return false }
        let given = Array(authorization.dropFirst(7).utf8)
        let expected = Array(token.utf8)
        guard given.count == expected.count else { return false }
        return zip(given, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
