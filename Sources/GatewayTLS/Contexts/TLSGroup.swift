/// A group of the key exchange (RFC 8446 §4.2.7), by the name that people use in configurations.
public enum TLSGroup: String, Sendable, CaseIterable {
    /// ML-KEM-768 and X25519 together, which a quantum computer does not break.
    case x25519MLKEM768 = "X25519MLKEM768"
    case x25519 = "X25519"
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// What is offered and taken where nothing is set, the preferred first.
    public static let standard: [TLSGroup] = [.x25519MLKEM768, .x25519, .p256, .p384]

    /// As IANA has registered it.
    var identifier: UInt16 {
        switch self {
        case .x25519MLKEM768: 0x11EC
        case .x25519: 0x001D
        case .p256: 0x0017
        case .p384: 0x0018
        case .p521: 0x0019
        }
    }
}
