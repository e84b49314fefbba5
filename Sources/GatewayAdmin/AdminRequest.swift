import GatewayConfig
import GatewayTelemetry

/// An admin request's answer.
struct AdminAnswer: Equatable {
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

/// What an admin request asks for.
enum AdminWork: Equatable {
    case answer(AdminAnswer)
    /// The open WebSockets.
    case list(ConnectionFilter)
    /// The end of one.
    case close(id: UInt64, code: UInt16, reason: String)
}

/// Decides what an admin request gets.
struct AdminRequest {
    var method: String
    /// In origin form or absolute form (RFC 9112 §3.2), with query.
    var target: String
    /// The `Authorization` field; nil where it did not come once.
    var authorization: String?
    /// Every `Host` field.
    var hosts: [String] = []
    /// Every `Origin` field: only pages in browsers send it (RFC 6454 §7).
    var origins: [String] = []
    /// HTTP/1.0, which has no `Host`.
    var isHTTP10 = false

    /// What is to be done: an answer that is known at once, or something that the gateway is asked.
    func work(from source: AdminSource, access: AdminAccess) -> AdminWork {
        if let refusal = refusal(access) { return .answer(refusal) }
        let isAuthorized = access.isAuthorized(authorization)
        guard isAuthorized, path == "/connections" || path.hasPrefix("/connections/") else {
            return .answer(answer(from: source, isAuthorized: isAuthorized))
        }
        do throws(AdminMistake) {
            if path == "/connections" {
                guard method == "GET" || method == "HEAD" else { return .answer(notAllowed("GET, HEAD")) }
                return .list(try filter())
            }
            guard method == "DELETE" else { return .answer(notAllowed("DELETE")) }
            guard !isOfForeignPage else { return .answer(Self.foreignPage) }
            return try closing(path.dropFirst("/connections/".count))
        } catch {
            return .answer(.text(400, error.message))
        }
    }

    /// A parameter that can't be used.
    private struct AdminMistake: Error {
        var message: String
    }

    private func filter() throws(AdminMistake) -> ConnectionFilter {
        var filter = ConnectionFilter()
        for (name, value) in try parameters(among: ["route", "ip", "limit"]) {
            switch name {
            case "route": filter.route = value
            case "ip": filter.ip = value
            default:
                guard let limit = Int(decimalDigits: value), (1...ConnectionFilter.maximumLimit).contains(limit) else {
                    throw AdminMistake(
                        message: "limit is no number from 1 to \(ConnectionFilter.maximumLimit)")
                }
                filter.limit = limit
            }
        }
        return filter
    }

    private func closing(_ name: Substring) throws(AdminMistake) -> AdminWork {
        guard let id = UInt64(decimalDigits: name) else {
            throw AdminMistake(message: "expected /connections/ID with a number")
        }
        var code: UInt16 = 1008
        var reason = ""
        for (name, value) in try parameters(among: ["code", "reason"]) {
            if name == "reason" {
                guard value.utf8.count <= 123 else {
                    throw AdminMistake(message: "reason is \(value.utf8.count) bytes, limit 123")
                }
                reason = value
            } else {
                // Those that may stand in a Close frame (RFC 6455 §7.4).
                guard let number = UInt16(decimalDigits: value),
                    [1000...1003, 1007...1014, 3000...4999].contains(where: { $0 ~= number })
                else {
                    throw AdminMistake(
                        message: "code is none that may be sent, expected 1000 to 1003, 1007 to 1014 or 3000 to 4999")
                }
                code = number
            }
        }
        return .close(id: id, code: code, reason: reason)
    }

    private var path: Substring { originForm.prefix { $0 != "?" } }

    /// The path and query of the target, whichever form it has.
    private var originForm: Substring {
        guard let authority = targetAuthority else { return target[...] }
        let rest = target[authority.endIndex...]
        return rest.hasPrefix("/") ? rest : "/" + rest
    }

    /// Whom a target in absolute form names; nil: it has another form.
    private var targetAuthority: Substring? {
        let scheme = target.prefix { $0 != ":" }
        guard ["http", "https"].contains(scheme.lowercased()), target[scheme.endIndex...].hasPrefix("://") else {
            return nil
        }
        return target[scheme.endIndex...].dropFirst(3).prefix { $0 != "/" && $0 != "?" }
    }

    /// Whether target and `Host` name one host, or the target names none.
    var namesItsHost: Bool {
        guard let targetAuthority else { return true }
        return targetAuthority.lowercased() == hosts.first?.lowercased()
    }

    /// The query, percent-decoded.
    private func parameters(among known: [String]) throws(AdminMistake) -> [(name: String, value: String)] {
        let target = originForm
        guard let mark = target.firstIndex(of: "?") else { return [] }
        var parameters: [(String, String)] = []
        for pair in target[target.index(after: mark)...].split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = parts.count > 1 ? Self.decoded(parts[1]) : "" else {
                throw AdminMistake(message: "the query is not percent-encoded UTF-8")
            }
            guard known.contains(name) else {
                throw AdminMistake(message: "unknown parameter, expected \(known.joined(separator: ", "))")
            }
            parameters.append((name, value))
        }
        return parameters
    }

    /// nil: not UTF-8, or a `%` without two digits.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(UInt8.init(hexadecimalDigit:)),
                    let low = rest.popFirst().flatMap(UInt8.init(hexadecimalDigit:))
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private func answer(from source: AdminSource, isAuthorized: Bool) -> AdminAnswer {
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
        guard isAuthorized else {
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
            guard !isOfForeignPage else { return Self.foreignPage }
            source.drain()
            return .text(202, "draining")
        default:
            return .text(
                404, "no such path; there are /healthz, /readyz, /stats, /metrics, /connections and POST /drain")
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

    private static let foreignPage = AdminAnswer.text(403, "pages of other origins may not send this")
}
