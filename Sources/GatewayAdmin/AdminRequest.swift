import GatewayConfig
import GatewayTelemetry

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
    /// Every `Accept` field.
    var accept: [String] = []
    /// HTTP/1.0, which has no `Host`.
    var isHTTP10 = false
    /// Every `Cookie` field.
    var cookies: [String] = []
    /// Of a login; else empty.
    var body: [UInt8] = []
    /// Seconds by a clock that is never set.
    var now = 0.0

    /// What is to be done: an answer that is known at once, or something that the gateway is asked.
    func work(from source: AdminSource, access: AdminAccess) -> AdminWork {
        if let refusal = refusal(access) { return .answer(refusal) }
        if let health = health(of: source) { return .answer(health) }
        if let work = dashboardWork(access) { return work }
        if !access.isAuthorized(authorization) {
            guard hasSession(access) else { return .answer(.unauthorized) }
            // The cookie comes with whatever a browser sends: what changes something has to say from which page.
            guard isSafe || origins.count == 1 else { return .answer(.foreignPage) }
        }
        do throws(AdminMistake) {
            return try authorizedWork(from: source)
        } catch {
            return .answer(.text(400, error.message))
        }
    }

    /// The paths that need no token.
    private func health(of source: AdminSource) -> AdminAnswer? {
        guard path == "/healthz" || path == "/readyz" else { return nil }
        guard isReading else { return .notAllowed("GET, HEAD") }
        guard path == "/readyz" else { return .text(200, "alive") }
        let readiness = source.readiness()
        return .text(readiness == .ready ? 200 : 503, readiness.rawValue)
    }

    private func authorizedWork(from source: AdminSource) throws(AdminMistake) -> AdminWork {
        switch path {
        case "/stats":
            guard isReading else { return .answer(.notAllowed("GET, HEAD")) }
            return .answer(.json(200, source.snapshot().json()))
        case "/metrics":
            guard isReading else { return .answer(.notAllowed("GET, HEAD")) }
            let format = MetricFormat(accept: accept)
            return .answer(
                AdminAnswer(
                    status: 200, contentType: format.contentType,
                    body: Array(PrometheusText(source.snapshot(), format: format).render().utf8)))
        case "/connections":
            if isReading { return .ask(.list(try query(among: AdminQuery.listParameters).filter())) }
            return try change("DELETE", among: "GET, HEAD, DELETE") { request throws(AdminMistake) in
                .ask(
                    .closeMany(
                        try request.query(among: ["route", "server", "ip", "code", "reason", "rate"]).closing()))
            }
        case "/reload":
            // Comparing changes nothing, and any page may cause it; it can't read what comes back.
            if isReading { return .ask(.reload(apply: false)) }
            return try change("POST", among: "GET, HEAD, POST") { _ throws(AdminMistake) in .ask(.reload(apply: true)) }
        case "/drain":
            return try change("POST", among: "POST") { _ throws(AdminMistake) in .drain }
        default:
            if path.hasPrefix("/connections/") {
                return try change("DELETE", among: "DELETE") { request throws(AdminMistake) in
                    try request.closingOfOne()
                }
            }
            guard let shedding = try shedding() else { return .answer(.noSuchPath) }
            return try change("POST", among: "POST") { request throws(AdminMistake) in
                try request.work(of: shedding)
            }
        }
    }

    private var isReading: Bool { method == "GET" || method == "HEAD" }

    /// Work that changes something: by this method alone, and not for pages of other origins.
    private func change(
        _ wanted: String, among methods: String, _ work: (AdminRequest) throws(AdminMistake) -> AdminWork
    ) throws(AdminMistake) -> AdminWork {
        guard method == wanted else { return .answer(.notAllowed(methods)) }
        guard !isOfForeignPage else { return .answer(.foreignPage) }
        return try work(self)
    }

    /// `/connections/ID`
    private func closingOfOne() throws(AdminMistake) -> AdminWork {
        guard let id = UInt64(decimalDigits: path.dropFirst("/connections/".count)) else {
            throw AdminMistake(message: "expected /connections/ID with a number")
        }
        let query = try query(among: ["code", "reason"])
        return .ask(.close(id: id, code: try query.code(), reason: try query.reason()))
    }

    // MARK: The target

    var path: Substring { originForm.prefix { $0 != "?" } }

    private func query(among known: [String]) throws(AdminMistake) -> AdminQuery {
        try AdminQuery(originForm[path.endIndex...].dropFirst(), among: known)
    }

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
}

// MARK: Paths below /upstreams

extension AdminRequest {
    private enum Shedding {
        case drain(AdminServerName)
        case undrain(AdminServerName)
        case rebalance(upstream: String)
    }

    /// What a path below `/upstreams` asks for; nil: there is none such.
    ///
    /// The path of a unix socket has slashes, which come as they are or encoded: the address is all that stands between
    /// `servers/` and the last segment.
    private func shedding() throws(AdminMistake) -> Shedding? {
        let prefix = "/upstreams/"
        guard path.hasPrefix(prefix) else { return nil }
        let name = path.dropFirst(prefix.count).prefix { $0 != "/" }
        let rest = path[name.endIndex...]
        guard !name.isEmpty else { return nil }
        if rest == "/rebalance" { return .rebalance(upstream: try Self.decoded(name)) }
        guard rest.hasPrefix("/servers/") else { return nil }
        let below = rest.dropFirst("/servers/".count)
        guard let slash = below.lastIndex(of: "/"), slash > below.startIndex else { return nil }
        let address = below[..<slash]
        let server = AdminServerName(
            upstream: try Self.decoded(name), address: Self.written(try Self.decoded(address)))
        switch below[slash...] {
        case "/drain": return .drain(server)
        case "/undrain": return .undrain(server)
        default: return nil
        }
    }

    private func work(of shedding: Shedding) throws(AdminMistake) -> AdminWork {
        switch shedding {
        case .drain(let server):
            return .ask(.drainServer(server, perSecond: try query(among: ["rate"]).perSecond()))
        case .undrain(let server):
            _ = try query(among: [])
            return .ask(.undrainServer(server))
        case .rebalance(let upstream):
            return .ask(.rebalance(upstream: upstream, perSecond: try query(among: ["rate"]).perSecond()))
        }
    }

    private static func decoded(_ text: Substring) throws(AdminMistake) -> String {
        guard let decoded = PercentCoding.decodedPath(text) else {
            throw AdminMistake(message: "the path is not percent-encoded UTF-8")
        }
        return decoded
    }

    /// Names of hosts are lower case in the configuration; paths are as they are.
    private static func written(_ address: String) -> String {
        address.hasPrefix("unix:") ? address : address.lowercased()
    }
}
