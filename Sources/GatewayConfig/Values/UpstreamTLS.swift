/// How the servers of an upstream are spoken to over TLS.
public struct UpstreamTLS: Equatable, Sendable {
    /// The name that is sent as SNI, without a dot at its end, or the IP address, IPv6 in brackets: what the certificate
    /// has to be for. nil: the host of the server's address.
    public var serverName: String?
    /// PEM file of the authorities to trust; nil: the system's.
    public var ca: String?
    public var verify: Bool
    /// What servers get that ask for a certificate; nil: none.
    public var identity: CertificateFiles?

    public init(
        serverName: String? = nil, ca: String? = nil, verify: Bool = true, identity: CertificateFiles? = nil
    ) {
        self.serverName = serverName
        self.ca = ca
        self.verify = verify
        self.identity = identity
    }

    /// The absolute paths of all files.
    public var files: [String] { (ca.map { [$0] } ?? []) + (identity?.all ?? []) }
}
