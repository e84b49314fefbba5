public import GatewayConfig

/// Whether a page of some origin may open a WebSocket (RFC 6455 §4.2.2 step 4, §10.2): browsers let any page try.
public enum OriginCheck {
    /// - Parameters:
    ///   - origin: the value of `Origin`; nil: the request has none.
    ///   - policy: nil: every origin may connect.
    ///
    /// Scheme and host are compared without case, and a scheme's default port equals none given. The opaque origin
    /// `null` (RFC 6454 §6.2) is allowed where it is listed or any is.
    public static func allows(_ origin: String?, policy: OriginPolicy?) -> Bool {
        guard let policy else { return true }
        guard let origin else { return policy.allowMissing }
        if policy.allowed.contains("*") { return true }
        let sent = Origin(origin)
        return policy.allowed.contains { Origin($0) == sent }
    }
}

/// An origin (RFC 6454 §4) made comparable. What is no origin, such as `null`, equals only itself.
struct Origin: Equatable {
    /// Lower case, the scheme's default port left out.
    private let serialization: String

    init(_ text: String) {
        let lowercased = lowercasedASCII(text.utf8)
        let scheme = lowercased.firstOccurrence(of: "://").map { lowercased[..<$0.lowerBound] } ?? ""
        guard let port = Self.defaultPort(ofScheme: scheme), lowercased.hasSuffix(":\(port)") else {
            serialization = lowercased
            return
        }
        serialization = String(lowercased.dropLast(":\(port)".count))
    }

    /// For a scheme in lower case; nil for one the gateway does not know.
    static func defaultPort(ofScheme scheme: some StringProtocol) -> UInt16? {
        switch scheme {
        case "http", "ws": 80
        case "https", "wss": 443
        default: nil
        }
    }
}
