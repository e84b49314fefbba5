import GatewayPolicy

/// Who may ask what of the admin endpoint.
struct AdminAccess: Sendable {
    /// What all but health wants as `Authorization: Bearer`; nil: nothing.
    var token: String?
    /// The names that requests may use which change something, or come from a page.
    var hosts: KnownHosts

    init(token: String? = nil, hosts: KnownHosts = KnownHosts()) {
        self.token = token
        self.hosts = hosts
    }

    /// Whether no token is wanted, or this is it.
    func isAuthorized(_ authorization: String?) -> Bool {
        token == nil || isToken(authorization)
    }

    /// Whether a token is wanted and this is it. Takes the same time wherever it is wrong.
    func isToken(_ authorization: String?) -> Bool {
        guard let token, let authorization, authorization.prefix(7).lowercased() == "bearer " else { return false }
        let given = Array(authorization.dropFirst(7).utf8)
        let expected = Array(token.utf8)
        guard given.count == expected.count else { return false }
        return zip(given, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
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
            return .text(400, "Host is not an authority: expected a name or an address, and perhaps a port")
        }
        guard namesItsHost else { return .text(400, "request target and Host name different hosts") }
        guard isSafe && origins.isEmpty || access.hosts.contains(host) else {
            return .text(
                403,
                "by this name only GET and HEAD are answered, and no pages; localhost and addresses may do more, "
                    + "and the names in admin.hosts")
        }
        return nil
    }

    /// RFC 9110 §9.2.1
    private var isSafe: Bool { ["GET", "HEAD", "OPTIONS", "TRACE"].contains(method) }

    /// A page can have any browser on this machine post to a loopback address, and needs no answer to do harm.
    var isOfForeignPage: Bool {
        guard let origin = origins.first else { return false }
        guard origins.count == 1, let host = hosts.first?.lowercased() else { return true }
        return !["http://\(host)", "https://\(host)"].contains(origin.lowercased())
    }
}
