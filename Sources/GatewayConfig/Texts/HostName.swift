/// Names and addresses as they stand in a URI's authority (RFC 3986 §3.2.2), and the patterns of `hosts`.
enum HostName {
    /// Labels of letters, digits, `-` and `_`, 63 bytes each, 253 in all; or an IPv4 address.
    static func isValid(_ name: some StringProtocol) -> Bool {
        guard (1...253).contains(name.utf8.count) else { return false }
        if endsInNumber(name) { return isIPv4(name) }
        let name = name.hasSuffix(".") ? name.dropLast() : name[...]
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy(isLabelByte)
                && !label.hasPrefix("-") && !label.hasSuffix("-")
        }
    }

    /// Whether the last label is a number, decimal or `0x…`. No top-level domain is one, and lookups read such a name as
    /// an IPv4 address, each in its own way (RFC 3696 §2; "ends in a number" of the URL standard).
    private static func endsInNumber(_ name: some StringProtocol) -> Bool {
        let name = name.hasSuffix(".") ? name.dropLast() : name[...]
        let label = name.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
        if label.lowercased().hasPrefix("0x") { return label.dropFirst(2).allSatisfy(\.isHexDigit) }
        return !label.isEmpty && label.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    }

    /// Four numbers from 0 to 255 without leading zeros.
    private static func isIPv4(_ name: some StringProtocol) -> Bool {
        !name.contains("/") && IPPrefix(String(name))?.bytes.count == 4
    }

    /// For a name that is not valid: what to write instead, as the end of a message; empty where that is not known.
    static func remedy(for name: some StringProtocol) -> String {
        guard endsInNumber(name), !isIPv4(name) else { return "" }
        return
            "; a host that ends in a number must be an IPv4 address, four numbers from 0 to 255 without leading zeros"
    }

    /// An IPv6 address in brackets.
    static func isBracketedV6(_ text: some StringProtocol) -> Bool {
        text.hasPrefix("[") && text.hasSuffix("]")
            && IPPrefix(String(text.dropFirst().dropLast()))?.bytes.count == 16 && !text.contains("/")
    }

    /// One of `hosts`: lower case; a wildcard stands for the whole leftmost label and all that may be before it.
    static func pattern(_ node: YAMLNode, context: ReadingContext) -> String? {
        let expected = "a host such as chat.example.com or *.example.com"
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        let text = scalar.text.lowercased()
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        if text.hasPrefix("*.") ? isBelowWildcard(name) : isValid(name) || isBracketedV6(text) { return text }
        let remedy: String
        if text.hasPrefix("*."), isIPv4(name) {
            remedy = "; an IP address can't have a wildcard"
        } else if text == "*" {
            remedy = "; leave hosts out to match any host"
        } else if name.contains("*") {
            remedy = "; a wildcard must be the whole leftmost label"
        } else if text.contains("://") || text.contains("/") {
            remedy = "; remove scheme and path"
        } else if text.contains(":") {
            remedy = "; remove the port"
        } else {
            remedy = Self.remedy(for: name)
        }
        context.report("expected \(expected), found \(scalar.shown)\(remedy)", at: scalar.place)
        return nil
    }

    /// Whether `name` may follow `*.`: a name, not an address.
    static func isBelowWildcard(_ name: some StringProtocol) -> Bool {
        isValid(name) && !endsInNumber(name)
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
