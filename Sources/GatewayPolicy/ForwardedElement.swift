/// One element of `Forwarded` (RFC 7239 §4): what one proxy says of whom it served.
struct ForwardedElement {
    /// The node, without quotes and as it was sent; empty: none was named.
    let node: String
    /// Empty: not said.
    let proto: String
    let host: String

    init(_ element: String) {
        var values: [String: String] = [:]
        for pair in element.utf8.split(separator: UInt8(ascii: ";")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = lowercasedASCII(ListElements.trimmed(pair[..<equals]).utf8)
            let value = Self.unquoted(ListElements.trimmed(pair[pair.index(after: equals)...]))
            // Each parameter comes once (RFC 7239 §4): the first counts.
            if values[name] == nil { values[name] = value }
        }
        node = values["for"] ?? ""
        proto = values["proto"] ?? ""
        host = values["host"] ?? ""
    }

    /// RFC 9110 §5.6.4.
    private static func unquoted(_ value: String) -> String {
        let quote = UInt8(ascii: "\"")
        guard value.utf8.count >= 2, value.utf8.first == quote, value.utf8.last == quote else { return value }
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in value.utf8.dropFirst().dropLast() {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
                continue
            }
            isEscaped = false
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The address of a node (RFC 7239 §6), with or without port and brackets, also as `X-Forwarded-For` has it; nil
    /// for `unknown`, obfuscated identifiers and anything else.
    static func address(ofNode node: String) -> ClientAddress? {
        let text = Self.unquoted(node)
        let bytes = text.utf8
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let rest = bytes[bytes.index(after: close)...]
            guard rest.isEmpty || rest.first == UInt8(ascii: ":") else { return nil }
            return ClientAddress(parsing: Substring(bytes[..<close].dropFirst()))
        }
        // One colon parts the port from an IPv4 address; two are those of a bare IPv6 address.
        if let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes.lastIndex(of: UInt8(ascii: ":")) == colon {
            return ClientAddress(parsing: Substring(bytes[..<colon]))
        }
        return ClientAddress(parsing: text)
    }
}

/// Comma-separated lists (RFC 9110 §5.6.1).
enum ListElements {
    /// The elements without the white space around them, the last one first. Empty ones are no elements, but count to
    /// `limit`.
    ///
    /// Quotes are not looked at: one that a client opened would swallow what the proxies have put behind it.
    static func fromTheEnd(of list: String, limit: Int = .max) -> [String] {
        var elements: [String] = []
        var count = 0
        var rest = list.utf8[...]
        while count < limit, !rest.isEmpty {
            count += 1
            let comma = rest.lastIndex(of: UInt8(ascii: ","))
            let start = comma.map(rest.index(after:)) ?? rest.startIndex
            let element = trimmed(rest[start...])
            if !element.isEmpty { elements.append(element) }
            rest = rest[..<(comma ?? rest.startIndex)]
        }
        return elements
    }

    static func trimmed(_ text: Substring.UTF8View) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let end = text.lastIndex { !isSpace($0) }.map(text.index(after:)) ?? text.startIndex
        return String(Substring(text[..<end].drop(while: isSpace)))
    }
}
