/// A PEM certificate chain and its private key, and what its authority says about it: absolute paths.
public struct CertificateFiles: Hashable, Sendable {
    public var certificate: String
    public var privateKey: String
    /// DER: an OCSP response, which is stapled (RFC 6066 §8); nil: none.
    public var ocsp: String?

    public init(certificate: String, privateKey: String, ocsp: String? = nil) {
        self.certificate = certificate
        self.privateKey = privateKey
        self.ocsp = ocsp
    }

    /// The absolute paths of all files.
    public var all: [String] { [certificate, privateKey] + (ocsp.map { [$0] } ?? []) }
}
