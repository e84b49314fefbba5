/// A cipher suite of TLS 1.2 that can be chosen, by OpenSSL's name. Those of TLS 1.3 are all offered, always.
public enum CipherSuite: String, CaseIterable, Sendable {
    case ecdheECDSAWithAES128GCM = "ECDHE-ECDSA-AES128-GCM-SHA256"
    case ecdheECDSAWithAES256GCM = "ECDHE-ECDSA-AES256-GCM-SHA384"
    case ecdheECDSAWithChaCha20 = "ECDHE-ECDSA-CHACHA20-POLY1305"
    case ecdheRSAWithAES128GCM = "ECDHE-RSA-AES128-GCM-SHA256"
    case ecdheRSAWithAES256GCM = "ECDHE-RSA-AES256-GCM-SHA384"
    case ecdheRSAWithChaCha20 = "ECDHE-RSA-CHACHA20-POLY1305"
    // For old clients: CBC, and RSA key exchange without forward secrecy.
    case ecdheECDSAWithAES128CBC = "ECDHE-ECDSA-AES128-SHA"
    case ecdheECDSAWithAES256CBC = "ECDHE-ECDSA-AES256-SHA"
    case ecdheRSAWithAES128CBC = "ECDHE-RSA-AES128-SHA"
    case ecdheRSAWithAES256CBC = "ECDHE-RSA-AES256-SHA"
    case rsaWithAES128GCM = "AES128-GCM-SHA256"
    case rsaWithAES256GCM = "AES256-GCM-SHA384"
    case rsaWithAES128CBC = "AES128-SHA"
    case rsaWithAES256CBC = "AES256-SHA"

    /// By the name of either register; nil: it is none of these.
    public init?(name: String) {
        guard let suite = Self(rawValue: name) ?? Self.allCases.first(where: { $0.registeredName == name }) else {
            return nil
        }
        self = suite
    }

    /// As IANA has registered it.
    public var registeredName: String {
        switch self {
        case .ecdheECDSAWithAES128GCM: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        case .ecdheECDSAWithAES256GCM: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
        case .ecdheECDSAWithChaCha20: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
        case .ecdheRSAWithAES128GCM: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        case .ecdheRSAWithAES256GCM: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        case .ecdheRSAWithChaCha20: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
        case .ecdheECDSAWithAES128CBC: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
        case .ecdheECDSAWithAES256CBC: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
        case .ecdheRSAWithAES128CBC: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
        case .ecdheRSAWithAES256CBC: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
        case .rsaWithAES128GCM: "TLS_RSA_WITH_AES_128_GCM_SHA256"
        case .rsaWithAES256GCM: "TLS_RSA_WITH_AES_256_GCM_SHA384"
        case .rsaWithAES128CBC: "TLS_RSA_WITH_AES_128_CBC_SHA"
        case .rsaWithAES256CBC: "TLS_RSA_WITH_AES_256_CBC_SHA"
        }
    }

    /// Those of TLS 1.3, which no list chooses from (RFC 8446 §B.4).
    static let alwaysOffered = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
}
