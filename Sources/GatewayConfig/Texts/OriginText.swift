/// Serialized origins (RFC 6454 §6.2).
enum OriginText {
    /// What pages without a host send: sandboxed frames and `data:` URLs, and pages of files (Cordova, Electron).
    private static let hostless = ["null", "file://"]

    /// Lower case, the scheme's default port left out; `null`, `file://` or `*` as they are.
    static func read(_ node: YAMLNode, context: ReadingContext) -> String? {
        let expected = "an origin such as https://example.com"
        if case .nothing = node.kind {
            context.report(
                "expected \(expected), found nothing; write \"null\", in quotes, for pages without an origin",
                at: node.place)
            return nil
        }
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        if scalar.text == "*" { return "*" }
        if hostless.contains(scalar.text.lowercased()) { return scalar.text.lowercased() }
        if let origin = normalize(scalar.text) { return origin }
        var remedy = ""
        if scalar.text.contains("*") {
            remedy =
                "; a wildcard must be the whole leftmost label of a name, as in https://*.example.com, or \"*\" alone"
        } else if let host = scalar.text.split(separator: "/").last, !HostName.remedy(for: host).isEmpty {
            remedy = HostName.remedy(for: host)
        } else if !scalar.text.contains("://") {
            remedy = "; the scheme is missing"
        } else if withoutPath(scalar.text).flatMap(normalize) != nil {
            remedy = "; remove the path"
        }
        context.report("expected \(expected), found \(scalar.shown)\(remedy)", at: scalar.place)
        return nil
    }

    static func normalize(_ text: String) -> String? {
        let text = text.lowercased()
        guard let separator = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<separator.lowerBound]
        guard let first = scheme.utf8.first, UInt8(ascii: "a")...UInt8(ascii: "z") ~= first,
            scheme.utf8.allSatisfy({ byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || [UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(byte)
            })
        else { return nil }
        let authority = text[separator.upperBound...]
        if isHost(authority) { return text }
        guard let colon = authority.lastIndex(of: ":") else { return nil }
        let host = authority[..<colon]
        let digits = authority[authority.index(after: colon)...]
        guard isHost(host), digits.utf8.count <= 5, let port = Int(decimalDigits: digits),
            (1...65_535).contains(port)
        else { return nil }
        let isDefault = ["http": 80, "ws": 80, "https": 443, "wss": 443][String(scheme)] == port
        return isDefault ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port)"
    }

    /// A name, an address, or a wildcard for the names below one.
    private static func isHost(_ host: Substring) -> Bool {
        if host.hasPrefix("*.") { return HostName.isBelowWildcard(host.dropFirst(2)) }
        return HostName.isValid(host) || HostName.isBracketedV6(host)
    }

    private static func withoutPath(_ text: String) -> String? {
        guard let separator = text.firstRange(of: "://"),
            let slash = text[separator.upperBound...].firstIndex(of: "/")
        else { return nil }
        return String(text[..<slash])
    }
}
