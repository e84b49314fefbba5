/// Serialized origins (RFC 6454 §6.2).
enum OriginText {
    /// Lower case, the scheme's default port left out, or `*`.
    static func read(_ node: YAMLNode, context: ReadingContext) -> String? {
        let expected = "an origin such as https://example.com"
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        if scalar.text == "*" { return "*" }
        if let origin = normalize(scalar.text) { return origin }
        var remedy = ""
        if scalar.text.contains("*") {
            remedy = "; a wildcard inside an origin is not supported, only \"*\" alone for any"
        } else if !scalar.text.contains("://") {
            remedy = "; the scheme is missing"
        } else if withoutPath(scalar.text).flatMap(normalize) != nil {
            remedy = "; an origin has no path"
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
        if HostName.isValid(authority) || HostName.isBracketedV6(authority) { return text }
        guard let colon = authority.lastIndex(of: ":") else { return nil }
        let host = authority[..<colon]
        let digits = authority[authority.index(after: colon)...]
        guard HostName.isValid(host) || HostName.isBracketedV6(host), (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let port = Int(digits), (1...65_535).contains(port)
        else { return nil }
        let isDefault = ["http": 80, "ws": 80, "https": 443, "wss": 443][String(scheme)] == port
        return isDefault ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port)"
    }

    private static func withoutPath(_ text: String) -> String? {
        guard let separator = text.firstRange(of: "://"),
            let slash = text[separator.upperBound...].firstIndex(of: "/")
        else { return nil }
        return String(text[..<slash])
    }
}
