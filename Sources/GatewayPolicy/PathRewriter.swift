public import GatewayConfig

/// Makes the path that the server sees from the client's, and turns paths the server names back into the client's.
///
/// Percent-encoding and query go through untouched, and prefixes are compared as they were sent.
public enum PathRewriter {
    /// The request target for the server. Always begins with `/`; the absolute form (RFC 9112 §3.2.2) becomes the
    /// origin form. A path that does not lie below the prefix is left alone.
    public static func rewrite(_ target: String, by rewrite: PathRewrite?) -> String {
        let parts = RequestTarget(target)
        let path = replacement(for: parts.path, by: rewrite)
        let query = parts.query.map { "?\($0)" } ?? ""
        return path.utf8.first == UInt8(ascii: "/") ? "\(path)\(query)" : "/\(path)\(query)"
    }

    private static func replacement(for path: Substring, by rewrite: PathRewrite?) -> Substring {
        switch rewrite {
        case nil:
            return path
        case .path(let replacement):
            return replacement[...]
        case .stripPrefix, .replacePrefix:
            guard let (from, to) = prefixes(of: rewrite), let rest = path.remainder(belowPathPrefix: from) else {
                return path
            }
            return "\(to)\(rest)"
        }
    }

    /// The `Location` (RFC 9110 §10.2.2) of a server's redirect as the client has to see it: what ``rewrite(_:by:)``
    /// took from the path comes back.
    ///
    /// - Parameters:
    ///   - location: an absolute path, or an absolute URL whose authority is `host`; anything else is left alone, as a
    ///     relative reference resolves against the client's own URL and another host has other paths.
    ///   - rewrite: that of the route. A whole replaced path can't be undone and changes nothing.
    ///   - host: the authority the client asked for.
    public static func restore(location: String, by rewrite: PathRewrite?, host: String) -> String {
        guard let (from, to) = prefixes(of: rewrite), let pathStart = pathStart(of: location, host: host) else {
            return location
        }
        let afterAuthority = location[pathStart...]
        let pathEnd = afterAuthority.utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
        let path = afterAuthority[..<(pathEnd ?? afterAuthority.endIndex)]
        guard let rest = (path.isEmpty ? "/" : path).remainder(belowPathPrefix: to) else { return location }
        return "\(location[..<pathStart])\(from)\(rest)\(afterAuthority[path.endIndex...])"
    }

    /// The client's prefix and the server's, neither with a trailing `/`; nil: no prefix is replaced.
    private static func prefixes(of rewrite: PathRewrite?) -> (client: Substring, server: Substring)? {
        switch rewrite {
        case .stripPrefix(let prefix): (trimmed(prefix), "")
        case .replacePrefix(let from, let to): (trimmed(from), trimmed(to))
        case .path, nil: nil
        }
    }

    private static func trimmed(_ prefix: String) -> Substring {
        var prefix = prefix[...]
        while prefix.utf8.last == UInt8(ascii: "/") { prefix = prefix.dropLast() }
        return prefix
    }

    /// Where the path of a location on this host begins; nil: it names no path of this host's.
    private static func pathStart(of location: String, host: String) -> String.Index? {
        let authorityStart: String.Index
        let defaultPort: UInt16?
        if location.utf8.starts(with: "//".utf8) {
            authorityStart = location.utf8.index(location.startIndex, offsetBy: 2)
            defaultPort = nil
        } else if location.utf8.first == UInt8(ascii: "/") {
            return location.startIndex
        } else if let mark = location.firstOccurrence(of: "://") {
            authorityStart = mark.upperBound
            defaultPort = Origin.defaultPort(ofScheme: lowercasedASCII(location[..<mark.lowerBound].utf8))
            guard defaultPort != nil else { return nil }
        } else {
            return nil
        }
        let afterScheme = location[authorityStart...]
        let delimiters: [UInt8] = [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")]
        let authorityEnd = afterScheme.utf8.firstIndex(where: delimiters.contains) ?? afterScheme.endIndex
        let named = Authority(afterScheme[..<authorityEnd])
        let asked = Authority(host)
        guard !asked.host.isEmpty, named.host == asked.host, isSamePort(named.port ?? defaultPort, asked.port) else {
            return nil
        }
        return authorityEnd
    }

    /// No port means the default one of a scheme that is not known here: 80 or 443.
    private static func isSamePort(_ first: UInt16?, _ second: UInt16?) -> Bool {
        switch (first, second) {
        case (nil, nil): true
        case (let port?, nil), (nil, let port?): port == 80 || port == 443
        case (let first?, let second?): first == second
        }
    }
}
