import GatewayConfig
import GatewayPolicy
import Synchronization

/// Who may ask what of the admin endpoint.
struct AdminAccess: Sendable {
    /// What all but health wants as `Authorization: Bearer`; nil: nothing.
    var token: String?
    /// The names that requests may use which change something, or come from a page.
    var hosts: KnownHosts
    /// Who has logged in with the token.
    var sessions: DashboardSessions

    init(token: String? = nil, hosts: KnownHosts = KnownHosts(), sessions: DashboardSessions = DashboardSessions()) {
        self.token = token
        self.hosts = hosts
        self.sessions = sessions
        sessions.follow(token: token)
    }

    init(_ configuration: AdminConfiguration, sessions: DashboardSessions = DashboardSessions()) {
        self.init(token: configuration.token, hosts: KnownHosts(configuration.hosts), sessions: sessions)
    }

    /// Whether no token is wanted, or this is it.
    func isAuthorized(_ authorization: String?) -> Bool {
        token == nil || isToken(authorization)
    }

    /// Whether a token is wanted and this is it. Takes the same time wherever it is wrong.
    func isToken(_ authorization: String?) -> Bool {
        guard let token, let authorization, authorization.prefix(7).lowercased() == "bearer " else { return false }
        return ConstantTime.equal(Array(authorization.dropFirst(7).utf8), Array(token.utf8))
    }
}

extension AdminRequest {
    /// What a request gets that can't be meant for this endpoint: 400 where it does not say for whom it is
    /// (RFC 9112 §3.2), 403 where a page may have made somebody's browser send it; nil: it may go on.
    func refusal(_ access: AdminAccess) -> AdminAnswer? {
        guard hosts.count <= 1 else { return .text(400, "Host came \(hosts.count) times, expected once") }
        guard let host = hosts.first else {
            if isHTTP10, isSafe, origins.isEmpty { return nil }
            return .text(400, "Host is missing")
        }
        guard !host.isEmpty, AuthorityText.isValid(host) else {
            return .text(400, "Host is not an authority, expected a host and an optional port")
        }
        guard namesItsHost else { return .text(400, "request target and Host name different hosts") }
        guard isSafe && origins.isEmpty || access.hosts.contains(host) else {
            return .text(
                403,
                "under this name the gateway answers only GET and HEAD, and serves no pages; use localhost, an IP "
                    + "address or a name in admin.hosts")
        }
        return nil
    }

    /// RFC 9110 §9.2.1
    var isSafe: Bool { ["GET", "HEAD", "OPTIONS", "TRACE"].contains(method) }

    /// A page can have any browser on this machine post to a loopback address, and needs no answer to do harm.
    var isOfForeignPage: Bool {
        guard let origin = origins.first else { return false }
        guard origins.count == 1, let host = hosts.first?.lowercased() else { return true }
        return !["http://\(host)", "https://\(host)"].contains(origin.lowercased())
    }
}

/// The one of the configuration in force.
final class CurrentAccess: Sendable {
    private let access: Mutex<AdminAccess>

    init(_ access: AdminAccess) { self.access = Mutex(access) }

    /// From now on requests are allowed as this configuration says. Who has logged in stays so while the token does.
    func follow(_ configuration: AdminConfiguration) {
        access.withLock { $0 = AdminAccess(configuration, sessions: $0.sessions) }
    }

    var value: AdminAccess { access.withLock { $0 } }
}
