/// Names and addresses as they stand in a URI's authority (RFC 3986 §3.2.2), and the patterns of `hosts`.
enum HostName {
    /// Labels of letters, digits, `-` and `_`, 63 bytes each, 253 in all; IPv4 addresses are of that form too.
    static func isValid(_ name: some StringProtocol) -> Bool {
        guard (1...253).contains(name.utf8.count) else { return false }
        let name = name.hasSuffix(".") ? name.dropLast() : name[...]
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.utf8.allSatisfy(isLabelByte)
                && !label.hasPrefix("-") && !label.hasSuffix("-")
        }
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
        if isValid(name) || isBracketedV6(text) { return text }
        let remedy: String
        if text == "*" {
            remedy = "; leave hosts out to match any host"
        } else if name.contains("*") {
            remedy = "; a wildcard is the whole leftmost label"
        } else if text.contains("://") || text.contains("/") {
            remedy = "; scheme and path do not belong here"
        } else if text.contains(":") {
            remedy = "; a host has no port here"
        } else {
            remedy = ""
        }
        context.report("expected \(expected), found \(scalar.shown)\(remedy)", at: scalar.place)
        return nil
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
