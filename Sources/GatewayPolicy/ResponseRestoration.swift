public import GatewayConfig
public import HTTPTypes

/// Gives the client's prefix back to what a server's response says of paths, where the route replaced it on the way in:
/// `Location`, `Content-Location` (RFC 9110 §10.2.2, §8.7), `Refresh`, and the `Path` of cookies (RFC 6265 §4.1.2.4).
///
/// What does not name a path of this host's below the server's prefix is left alone, to the byte.
public enum ResponseRestoration {
    /// Does nothing where the route replaces no prefix: a whole replaced path can't be undone.
    ///
    /// - Parameter host: the authority the client asked for.
    public static func apply(to fields: inout HTTPFields, by rewrite: PathRewrite?, host: String) {
        guard let prefixes = PathRewriter.prefixes(of: rewrite), prefixes.client != prefixes.server else { return }
        for name in [HTTPField.Name.location, .contentLocation] {
            change(name, in: &fields) { PathRewriter.restore(location: $0, by: rewrite, host: host) }
        }
        change(.refresh, in: &fields) { restore(refresh: $0, by: rewrite, host: host) }
        change(.setCookie, in: &fields) { restore(cookie: $0, prefixes) }
    }

    /// Widened, so that bytes that are no UTF-8 stay what they are.
    private static func change(_ name: HTTPField.Name, in fields: inout HTTPFields, by restore: (String) -> String) {
        guard fields.contains(name) else { return }
        fields[fields: name] = fields[fields: name].map { field in
            let value = FieldBytes.widened(field)
            let restored = restore(value)
            return restored == value ? field : FieldBytes.field(name, widened: restored) ?? field
        }
    }

    // MARK: Refresh

    /// As browsers read it (HTML, "shared declarative refresh steps"): seconds, `;` or `,`, and a URL, with `url=` and
    /// quotes around it or without.
    static func restore(refresh: String, by rewrite: PathRewrite?, host: String) -> String {
        let bytes = refresh.utf8
        var rest = bytes.drop(while: isSpace)
        guard let first = rest.first, isDigit(first) else { return refresh }
        rest = rest.drop { isDigit($0) || $0 == UInt8(ascii: ".") }
        guard let separator = rest.first, isSpace(separator) || isSeparator(separator) else { return refresh }
        rest = rest.drop(while: isSpace)
        if let separator = rest.first, isSeparator(separator) { rest = rest.dropFirst() }
        rest = rest.drop(while: isSpace)
        if let behind = behindURL(rest) { rest = behind }
        if let quote = rest.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            rest = rest.dropFirst()
            rest = rest[..<(rest.firstIndex(of: quote) ?? rest.endIndex)]
        }
        let restored = PathRewriter.restore(location: String(Substring(rest)), by: rewrite, host: host)
        return "\(refresh[..<rest.startIndex])\(restored)\(refresh[rest.endIndex...])"
    }

    /// What follows `url=`; nil: it is not there.
    private static func behindURL(_ text: Substring.UTF8View) -> Substring.UTF8View? {
        guard lowercasedASCII(text.prefix(3)) == "url" else { return nil }
        let rest = text.dropFirst(3).drop(while: isSpace)
        guard rest.first == UInt8(ascii: "=") else { return nil }
        return rest.dropFirst().drop(while: isSpace)
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",") }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    // MARK: Cookies

    /// Every `Path` attribute, in any case: clients go by the last one (RFC 6265 §5.3). A cookie without one is for the
    /// folder of the URL that the client asked for, which is right as it is.
    static func restore(cookie: String, _ prefixes: PathRewriter.Prefixes) -> String {
        let parts = cookie.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        var restored = ""
        var kept = cookie.startIndex
        for part in parts.dropFirst() {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")),
                lowercasedASCII(ListElements.trimmed(part[..<equals]).utf8) == "path"
            else { continue }
            let value = part[part.index(after: equals)...].drop(while: isSpace)
            let end = value.lastIndex { !isSpace($0) }.map(value.index(after:)) ?? value.startIndex
            guard let path = cookiePath(Substring(value[..<end]), prefixes) else { continue }
            restored += "\(cookie[kept..<value.startIndex])\(path)"
            kept = end
        }
        return "\(restored)\(cookie[kept...])"
    }

    /// nil: the path stays. One above the server's prefix takes in all of it, and so becomes the client's prefix; `/`
    /// above one takes in all that the client sees as well.
    private static func cookiePath(_ path: Substring, _ prefixes: PathRewriter.Prefixes) -> String? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        if let rest = path.remainder(belowPathPrefix: prefixes.server) {
            // Without its `/`, so that the cookie goes with the prefix itself as well (RFC 6265 §5.1.4).
            if rest == "/", prefixes.server.isEmpty { return PathRewriter.joined(prefixes.client, "") }
            return PathRewriter.joined(prefixes.client, rest)
        }
        let folder = PathRewriter.trimmed(path)
        guard !folder.isEmpty, prefixes.server.remainder(belowPathPrefix: folder) != nil else { return nil }
        return PathRewriter.joined(prefixes.client, "")
    }
}

extension HTTPField.Name {
    fileprivate static let refresh = HTTPField.Name("Refresh") ?? .location
}
