/// The certificates of one file, in its order.
public struct TLSCertificates: Sendable {
    /// As messages name it.
    public let file: String
    /// At least one.
    public let chain: [TLSCertificate]
    /// Those of the first.
    public let facts: TLSCertificateFacts
}

/// Certificates to trust.
public struct TLSAuthorities: Sendable {
    /// At least one.
    public let certificates: [TLSCertificate]
    /// Of each block that is no certificate: which, and what is wrong with it.
    public let warnings: [String]
}

/// What one side shows of itself: a chain, its key, and what its authority says about it.
public struct TLSIdentity: Sendable {
    public let certificates: TLSCertificates
    public let privateKey: TLSPrivateKey
    /// DER; nil: none is stapled.
    public let ocspResponse: [UInt8]?
    /// What is odd about the files, and no reason to refuse them.
    public let warnings: [String]
}
