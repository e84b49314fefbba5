public import GatewayConfig

/// Whether a page of some origin may open a WebSocket (RFC 6455 §4.2.2 step 4, §10.2): browsers let any page try.
public enum OriginCheck {
    /// - Parameters:
    ///   - origin: the value of `Origin`; nil: the request has none. An empty value names no origin: it counts as none.
    ///   - policy: nil: every origin may connect.
    ///
    /// Scheme and host are compared without case, and a scheme's default port equals none given. A wildcard stands for
    /// one label or several, as it does in the hosts of routes. The opaque origin `null` (RFC 6454 §6.2) is allowed
    /// where it is listed or any is.
    public static func allows(_ origin: String?, policy: OriginPolicy?) -> Bool {
        guard let policy else { return true }
        guard let origin, origin.utf8.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { return policy.allowMissing }
        if policy.allowed.contains("*") { return true }
        let sent = Origin(origin)
        return policy.allowed.contains { allowed in
            guard let wildcard = OriginWildcard(allowed) else { return Origin(allowed) == sent }
            return wildcard.matches(sent)
        }
    }
}

/// An origin (RFC 6454 §4) made comparable. What is no origin, such as `null`, equals only itself.
struct Origin: Equatable {
    /// Lower case, the scheme's default port left out.
    fileprivate let serialization: String

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

/// `https://*.example.com:8443`: every origin of this scheme and port whose host is a name below this one.
private struct OriginWildcard {
    /// With `://`.
    private let scheme: String
    /// With the leading dot, and the port if it is not the scheme's default one.
    private let suffix: String

    /// nil: the origin has no wildcard.
    init?(_ allowed: String) {
        let origin = Origin(allowed).serialization
        guard let mark = origin.firstOccurrence(of: "://*.") else { return nil }
        scheme = origin[..<mark.lowerBound] + "://"
        suffix = "." + origin[mark.upperBound...]
    }

    func matches(_ origin: Origin) -> Bool {
        let text = origin.serialization.utf8
        guard text.starts(with: scheme.utf8), text.count > scheme.utf8.count + suffix.utf8.count,
            text.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
        else { return false }
        // Nothing but labels: a path, a user or a second host before the suffix would make it another origin.
        return text.dropFirst(scheme.utf8.count).dropLast(suffix.utf8.count)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            .allSatisfy { !$0.isEmpty && $0.allSatisfy(Self.isLabelByte) }
    }

    /// Of a label in lower case.
    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
