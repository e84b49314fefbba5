/// How the clients of a listener are spoken to over TLS.
public struct ListenerTLS: Equatable, Sendable {
    /// The first is the default, the rest are chosen by server name. Several may be for one name, each with a key of
    /// another kind. Never empty.
    public var certificates: [CertificateFiles]
    public var minimumVersion: TLSVersion
    /// Of TLS 1.2, the preferred first; empty: ECDHE with AES-GCM and ChaCha20.
    public var ciphers: [CipherSuite]
    /// The preferred first; empty: X25519MLKEM768, X25519, P-256 and P-384.
    public var groups: [KeyExchangeGroup]
    /// An absolute path: the file of keys that session tickets are sealed with; nil: the process makes them.
    public var ticketKeys: String?
    /// PEM file of the authorities that client certificates must chain to; nil: none is asked for.
    public var clientCA: String?

    public init(
        certificates: [CertificateFiles], minimumVersion: TLSVersion = .v12, ciphers: [CipherSuite] = [],
        groups: [KeyExchangeGroup] = [], ticketKeys: String? = nil, clientCA: String? = nil
    ) {
        self.certificates = certificates
        self.minimumVersion = minimumVersion
        self.ciphers = ciphers
        self.groups = groups
        self.ticketKeys = ticketKeys
        self.clientCA = clientCA
    }

    /// The absolute paths of the files that certificates are made of or judged by: all but those of ticket keys.
    public var materialFiles: [String] { certificates.flatMap(\.all) + (clientCA.map { [$0] } ?? []) }

    /// The absolute paths of all files.
    public var files: [String] { materialFiles + (ticketKeys.map { [$0] } ?? []) }
}

/// The oldest version of TLS that is spoken. Older ones than 1.2 are not (RFC 8996).
public enum TLSVersion: String, CaseIterable, Sendable {
    case v12 = "1.2"
    case v13 = "1.3"
}
