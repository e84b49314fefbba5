public import GatewayConfig

/// Makes the path that the server sees from the client's, and turns paths the server names back into the client's.
///
/// The query goes through untouched, and so does a path that nothing is replaced in.
public enum PathRewriter {
    /// The request target for the server, in origin form. Prefixes are looked for in the normal form of the path, and
    /// what is left of it stays in that form. A path that does not lie below the prefix is left alone, as it was sent.
    public static func rewrite(_ target: RequestTarget, by rewrite: PathRewrite?) -> String {
        guard let path = replacement(for: target.path, by: rewrite) else { return target.text }
        let query = target.query.map { "?\($0)" } ?? ""
        return path.utf8.first == UInt8(ascii: "/") ? "\(path)\(query)" : "/\(path)\(query)"
    }

    /// nil: nothing is to be replaced.
    private static func replacement(for path: NormalizedPath, by rewrite: PathRewrite?) -> Substring? {
        switch rewrite {
        case nil:
            return nil
        case .path(let replacement):
            return replacement[...]
        case .stripPrefix, .replacePrefix:
            guard let (from, to) = prefixes(of: rewrite), from != to,
                path.comparable.remainder(belowPathPrefix: from) != nil
            else { return nil }
            return "\(to)\(path.text.dropping(segments: from.utf8.count(where: { $0 == UInt8(ascii: "/") })))"
        }
    }

    /// The prefix that ``rewrite(_:by:)`` takes from the path without putting another in its place; nil: none.
    public static func strippedPrefix(of target: RequestTarget, by rewrite: PathRewrite?) -> String? {
        guard let prefixes = prefixes(of: rewrite), prefixes.server.isEmpty, !prefixes.client.isEmpty,
            target.path.comparable.remainder(belowPathPrefix: prefixes.client) != nil
        else { return nil }
        return String(prefixes.client)
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
        return "\(location[..<pathStart])\(joined(from, rest))\(afterAuthority[path.endIndex...])"
    }

    typealias Prefixes = (client: Substring, server: Substring)

    /// The client's prefix and the server's, neither with a trailing `/`; nil: no prefix is replaced.
    static func prefixes(of rewrite: PathRewrite?) -> Prefixes? {
        switch rewrite {
        case .stripPrefix(let prefix): (trimmed(prefix), "")
        case .replacePrefix(let from, let to): (trimmed(from), trimmed(to))
        case .path, nil: nil
        }
    }

    /// A path of the client's. What begins with two slashes would name a host.
    static func joined(_ prefix: Substring, _ rest: Substring) -> String {
        guard prefix.isEmpty else { return "\(prefix)\(rest)" }
        return "/\(Substring(rest.utf8.drop { $0 == UInt8(ascii: "/") }))"
    }

    static func trimmed(_ prefix: some StringProtocol) -> Substring {
        var prefix = Substring(prefix)
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
        guard let named = Authority(afterScheme[..<authorityEnd]), let asked = Authority(host), asked != .none,
            named.host == asked.host, isSamePort(named.port ?? defaultPort, asked.port)
        else { return nil }
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

extension String {
    /// What follows the first segments of this path, with its `/`: a prefix has as many segments in either normal form.
    fileprivate func dropping(segments count: Int) -> Substring {
        var slashes = 0
        let end = utf8.firstIndex { byte in
            if byte == UInt8(ascii: "/") { slashes += 1 }
            return slashes > count
        }
        return self[(end ?? endIndex)...]
    }
}
