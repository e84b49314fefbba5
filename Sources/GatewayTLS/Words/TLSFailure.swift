/// Why TLS came to nothing, in an operator's words.
public struct TLSFailure: Error, CustomStringConvertible, Sendable, Equatable {
    /// What a failure is counted under.
    public enum Kind: String, Sendable, CaseIterable {
        /// The peer speaks HTTP without TLS.
        case plainHTTP
        /// The peer speaks something else than TLS.
        case noTLS
        case noCommonVersion
        /// No cipher suite, group or signature algorithm in common.
        case noCommonCipher
        case noApplicationProtocol
        /// The peer's certificate, or one that vouches for it, has expired.
        case certificateExpired
        case certificateNotYetValid
        case selfSigned
        case unknownAuthority
        case nameMismatch
        /// The peer showed no certificate where one was expected.
        case noCertificate
        /// Something else is wrong with the peer's certificate.
        case untrustedCertificate
        /// The peer has ended TLS with an alert (RFC 8446 §6).
        case refusedByPeer
        /// The peer's TCP has ended inside the handshake or a record.
        case cutShort
        /// The peer broke TLS's rules, or a call was made where it has no place.
        case protocolError
        case unusableName
        case resources
    }

    public let kind: Kind
    /// One sentence. Nothing of a library's text or of the build is in it.
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
