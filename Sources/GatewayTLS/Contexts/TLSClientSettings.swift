/// How the servers of an upstream are spoken to.
public struct TLSClientSettings: Sendable {
    /// Who may sign the certificates of servers.
    public enum Authorities: Sendable, Hashable {
        /// Whom the system trusts.
        case system
        /// Those in PEM files.
        case files([String])
    }

    /// The files of the gateway's own certificate.
    public typealias Identity = TLSServerSettings.Identity

    public var authorities = Authorities.system
    /// Whether the certificates of servers are verified, and their names.
    public var verifies = true
    /// What servers get that ask for a certificate; nil: none.
    public var identity: Identity?
    public var minimumVersion = TLSMinimumVersion.v12
    /// The latest; tests alone set another.
    var maximumVersion = TLSMinimumVersion.v13
    /// Of TLS 1.2, the preferred first, as IANA or OpenSSL calls them; empty: ECDHE with AES-GCM and ChaCha20.
    public var ciphers: [String] = []
    /// The preferred first; empty: `TLSGroup.standard`.
    public var groups: [TLSGroup] = []
    /// What is offered by ALPN (RFC 7301), each of 1 to 255 bytes; empty: no ALPN.
    public var applicationProtocols: [String] = []

    /// Whether servers are asked for an OCSP response, which nobody looks at but tests.
    var asksForStatus = false

    /// The signature algorithms that servers may use, the preferred first; tests alone set others.
    var signatures = SSLContextHandle.signatures

    /// The time that certificates of servers are judged by, where authorities come from files; tests alone set another.
    var now: @Sendable () -> Int64 = WallClock.seconds

    public init() {}
}
