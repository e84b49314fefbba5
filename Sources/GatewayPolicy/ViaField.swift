public import HTTPTypes

/// `Via`: the gateways that a request has passed (RFC 9110 §7.6.3), and so whether it goes round in circles.
public enum ViaField {
    /// One element for this gateway.
    ///
    /// - Parameters:
    ///   - version: of HTTP, as the request came in: `1.1` or `2.0`.
    ///   - pseudonym: what this gateway calls itself; a token.
    public static func element(version: String, pseudonym: String) -> String { "\(version) \(pseudonym)" }

    /// Whether the request has passed whoever calls itself so.
    public static func names(_ pseudonym: String, in fields: HTTPFields) -> Bool {
        fields[values: .via].contains { line in
            line.utf8.split(separator: UInt8(ascii: ",")).contains { element in
                let words = element.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                return words.count >= 2 && words[1].elementsEqual(pseudonym.utf8)
            }
        }
    }
}
