/// An admin request's answer.
struct AdminAnswer: Equatable {
    var status: Int
    var contentType = "text/plain; charset=utf-8"
    var body: [UInt8]
    /// Methods the path takes, for a 405.
    var allow: String?
    var isChallenge = false
    /// Of a page; nil: this is none.
    var contentSecurityPolicy: String?
    var setCookie: String?
    var location: String?
    /// Seconds, for a 429 or 503.
    var retryAfter: Int?
    /// Of a list: how many there are beside those in the body.
    var totalCount: Int?

    static func text(_ status: Int, _ line: String) -> AdminAnswer {
        AdminAnswer(status: status, body: Array("\(line)\n".utf8))
    }

    static func json(_ status: Int, _ body: [UInt8]) -> AdminAnswer {
        AdminAnswer(status: status, contentType: "application/json", body: body + [0x0A])
    }

    /// A path that doesn't take the method.
    static func notAllowed(_ methods: String) -> AdminAnswer {
        var answer = text(405, "this path accepts only \(methods)")
        answer.allow = methods
        return answer
    }

    static let foreignPage = text(403, "pages of other origins may not send this request")

    static let unauthorized: AdminAnswer = {
        var answer = text(401, "this path requires Authorization: Bearer with the admin token")
        answer.isChallenge = true
        return answer
    }()

    static let noSuchPath = text(
        404,
        "this path does not exist; the gateway has GET /, /healthz, /readyz, /stats, /metrics, /connections, /reload and /live, "
            + "DELETE /connections and /connections/ID, POST /login, /logout, /reload, /drain, /upstreams/NAME/rebalance and "
            + "/upstreams/NAME/servers/ADDRESS/drain and …/undrain")
}
