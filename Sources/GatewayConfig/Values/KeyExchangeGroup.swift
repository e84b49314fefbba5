/// A group of the key exchange of TLS (RFC 8446 §4.2.7), by the name that people use.
public enum KeyExchangeGroup: String, CaseIterable, Sendable {
    /// ML-KEM-768 and X25519 together, of TLS 1.3 alone.
    case x25519MLKEM768 = "X25519MLKEM768"
    case x25519 = "X25519"
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"
}
