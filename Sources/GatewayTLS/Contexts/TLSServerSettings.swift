/// How clients of a listener are spoken to.
public struct TLSServerSettings: Sendable {
    /// The files of one certificate.
    public struct Identity: Sendable, Hashable {
        /// PEM: a chain, the server's own certificate first (RFC 8446 §4.4.2).
        public var certificate: String
        /// PEM, without a passphrase.
        public var privateKey: String
        /// DER: an OCSP response for the certificate, which is stapled (RFC 6066 §8); nil: none.
        public var ocsp: String?

        public init(certificate: String, privateKey: String, ocsp: String? = nil) {
            self.certificate = certificate
            self.privateKey = privateKey
            self.ocsp = ocsp
        }
    }

    /// At least one. Several may be for one name: a client gets that with ECDSA or Ed25519 if it can verify it, else
    /// that with RSA. A client that asks for no name of theirs gets the first, or what stands beside it for its names.
    public var identities: [Identity]
    public var minimumVersion = TLSMinimumVersion.v12
    /// The latest; tests alone set another.
    var maximumVersion = TLSMinimumVersion.v13
    /// Of TLS 1.2, the preferred first, as IANA or OpenSSL calls them; empty: ECDHE with AES-GCM and ChaCha20.
    public var ciphers: [String] = []
    /// The preferred first; empty: `TLSGroup.standard`.
    public var groups: [TLSGroup] = []
    /// By ALPN (RFC 7301), the preferred first, each of 1 to 255 bytes; empty: ALPN is not answered.
    public var applicationProtocols: [String] = []
    /// PEM files of the authorities that sign certificates of clients, each of which has to show one; empty: none has.
    public var clientAuthorities: [String] = []
    /// Which keys tickets are sealed with. Contexts that share one resume each other's sessions.
    public var ticketKeys: TLSTicketKeys
    /// The time that certificates of clients and OCSP responses are judged by; tests alone set another.
    var now: @Sendable () -> Int64 = WallClock.seconds

    public init(identities: [Identity], ticketKeys: TLSTicketKeys = TLSTicketKeys()) {
        self.identities = identities
        self.ticketKeys = ticketKeys
    }
}
