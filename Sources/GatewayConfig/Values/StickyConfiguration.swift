/// A cookie by which a client comes back to the server it had.
public struct StickyConfiguration: Equatable, Sendable {
    /// Up to where browsers send the cookie along with requests that come from other sites.
    public enum SameSite: String, CaseIterable, Sendable {
        case strict
        case lax
        case anySite = "none"
    }

    /// Its name.
    public var cookie: String
    /// Keys the values; nil: they are keyed by the name of the upstream, and anyone can tell which server they name.
    public var secret: String?
    public var path = "/"
    /// nil: the host of the request alone.
    public var domain: String?
    /// nil: where the client's listener has TLS.
    public var secure: Bool?
    public var httpOnly = true
    /// nil: as browsers have it by default.
    public var sameSite: SameSite?
    /// nil: until the browser is closed.
    public var maxAge: Duration?

    public init(cookie: String) {
        self.cookie = cookie
    }
}
