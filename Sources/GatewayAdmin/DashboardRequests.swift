import GatewayConfig
import GatewayDashboard
import GatewayPolicy

/// The paths of the dashboard: the page, its stream of events, and the login.
extension AdminRequest {
    /// The name of the cookie: browsers don't tell ports apart, so that two gateways on one host need two names.
    var cookieName: String {
        let port = hosts.first?.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
        return UInt16(decimalDigits: port) == nil ? "sluice_session" : "sluice_session_\(port)"
    }

    /// What the cookie of a session has; nil: there is none, or more than one.
    var sessionID: String? {
        let pairs: [Substring] = cookies.flatMap { field in
            field.split(separator: ";").map { pair in pair.drop { $0 == " " || $0 == "\t" } }
        }
        let values = pairs.filter { $0.hasPrefix("\(cookieName)=") }.map { $0.dropFirst(cookieName.utf8.count + 1) }
        return values.count == 1 ? String(values[0]) : nil
    }

    /// Whether the cookie stands for the token.
    func hasSession(_ access: AdminAccess) -> Bool {
        guard access.token != nil, let sessionID else { return false }
        return access.sessions.isOpen(sessionID, now: now)
    }

    /// What the paths of the dashboard get; nil: this is another path.
    ///
    /// They are for names that `admin.hosts` knows alone: a page whose name was made to resolve to this address sees none
    /// of it.
    func dashboardWork(_ access: AdminAccess) -> AdminWork? {
        let methods: String
        switch path {
        case "/", "/live": methods = "GET, HEAD"
        case "/login", "/logout": methods = "POST"
        default: return nil
        }
        guard methods.split(separator: ", ").contains(where: { $0 == method }) else {
            return .answer(.notAllowed(methods))
        }
        guard let host = hosts.first, access.hosts.contains(host) else { return .answer(.unknownHost) }
        switch path {
        case "/": return .answer(isGranted(access) ? .page(.dashboard) : .loginPage())
        case "/live":
            // It could not read the stream, but it would take one of the places.
            guard !isOfForeignPage else { return .answer(.foreignPage) }
            guard isGranted(access) else { return .answer(.unauthorized) }
            return method == "HEAD" ? .answer(.eventStreamHead) : .live
        case "/login": return isOfForeignPage ? .answer(.foreignPage) : .answer(login(access))
        default: return isOfForeignPage ? .answer(.foreignPage) : .answer(logout(access))
        }
    }

    /// Whether a token or a session says that this may be seen.
    func isGranted(_ access: AdminAccess) -> Bool { access.isAuthorized(authorization) || hasSession(access) }

    private func login(_ access: AdminAccess) -> AdminAnswer {
        guard access.token != nil else { return .redirect(to: "/") }
        guard access.sessions.mayTry(now: now) else {
            return .loginPage(429, saying: "Too many wrong tokens. Wait a few seconds and try again.")
        }
        guard let token = Self.token(inForm: body), access.isToken("Bearer \(token)") else {
            access.sessions.failed(now: now)
            return .loginPage(401, saying: "This is not the admin token.")
        }
        var answer = AdminAnswer.redirect(to: "/")
        // A page that was loaded by TLS has gone through a proxy that adds it.
        let isSecure = origins.first?.lowercased().hasPrefix("https://") ?? false
        answer.setCookie = cookie(access.sessions.open(now: now), isSecure: isSecure)
        return answer
    }

    private func logout(_ access: AdminAccess) -> AdminAnswer {
        if let sessionID { access.sessions.close(sessionID) }
        var answer = AdminAnswer.redirect(to: "/")
        answer.setCookie = cookie("", isSecure: false) + "; Max-Age=0"
        return answer
    }

    /// For the browser alone, for requests of its own pages alone, until it is closed (RFC 6265 §4.1).
    private func cookie(_ value: String, isSecure: Bool) -> String {
        "\(cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }

    /// The field `token` of a form (`application/x-www-form-urlencoded`); nil: it is not there once.
    private static func token(inForm body: [UInt8]) -> String? {
        guard let text = String(validating: body, as: UTF8.self) else { return nil }
        let fields = text.split(separator: "&").filter { $0.hasPrefix("token=") }
        guard fields.count == 1 else { return nil }
        return PercentCoding.decodedQuery(fields[0].dropFirst("token=".count))
    }
}

extension AdminAnswer {
    /// A page of the gateway's own, under the policy that goes with it.
    static func page(_ page: DashboardPage, status: Int = 200) -> AdminAnswer {
        var answer = AdminAnswer(status: status, contentType: "text/html; charset=utf-8", body: page.html)
        answer.contentSecurityPolicy = page.contentSecurityPolicy
        return answer
    }

    static func loginPage(_ status: Int = 401, saying problem: String? = nil) -> AdminAnswer {
        var answer = page(problem.map(DashboardPage.login(saying:)) ?? .login, status: status)
        answer.isChallenge = status == 401
        if status == 429 { answer.retryAfter = 5 }
        return answer
    }

    static func redirect(to location: String) -> AdminAnswer {
        var answer = text(303, "see \(location)")
        answer.location = location
        return answer
    }

    static let eventStreamHead = AdminAnswer(status: 200, contentType: eventStream, body: [])
    static let eventStream = "text/event-stream"

    static let unknownHost = text(
        403,
        "the gateway serves the dashboard for localhost, IP addresses and the names in admin.hosts; add this name "
            + "to admin.hosts and reload")

    static let tooManyStreams: AdminAnswer = {
        var answer = text(503, "\(LiveFeed.maximumStreams) pages already watch this gateway; close one and try again")
        answer.retryAfter = 5
        return answer
    }()
}
