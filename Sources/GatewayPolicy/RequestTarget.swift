/// A request target (RFC 9112 §3.2) taken apart, every part as it was sent.
///
/// Takes the origin form (`/chat?room=1`) and the absolute form (`http://example.com/chat?room=1`), whose scheme and
/// authority are left out.
struct RequestTarget {
    /// Percent-encoding untouched; `/` when the target has none.
    let path: Substring
    /// What follows the first `?`, without it; nil: there is none.
    let query: Substring?

    init(_ target: String) {
        var rest = target[...]
        if let mark = target.firstOccurrence(of: "://"), target[..<mark.lowerBound].utf8.allSatisfy(isSchemeCharacter) {
            let afterScheme = rest[mark.upperBound...]
            let pathStart = afterScheme.utf8.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            rest = afterScheme[(pathStart ?? afterScheme.endIndex)...]
        }
        if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            query = rest[rest.utf8.index(after: mark)...]
            rest = rest[..<mark]
        } else {
            query = nil
        }
        path = rest.isEmpty ? "/" : rest
    }

    /// The names and values of the query, decoded as `application/x-www-form-urlencoded` (`+` is a space). Values are
    /// bytes: what a percent-encoding stands for need not be UTF-8.
    func queryParameters() -> [(name: [UInt8], value: [UInt8])] {
        guard let query else { return [] }
        return query.utf8.split(separator: UInt8(ascii: "&")).map { pair in
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = equals == pair.endIndex ? pair[equals...] : pair[pair.index(after: equals)...]
            return (Self.decode(pair[..<equals]), Self.decode(value))
        }
    }

    /// A `%` that two hexadecimal digits do not follow stands for itself.
    private static func decode(_ text: Substring.UTF8View) -> [UInt8] {
        let encoded = Array(text)
        var decoded: [UInt8] = []
        decoded.reserveCapacity(encoded.count)
        var index = 0
        while index < encoded.count {
            switch encoded[index] {
            case UInt8(ascii: "+"):
                decoded.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                if index + 2 < encoded.count, let high = hexadecimalValue(encoded[index + 1]),
                    let low = hexadecimalValue(encoded[index + 2])
                {
                    decoded.append(high << 4 | low)
                    index += 2
                } else {
                    decoded.append(UInt8(ascii: "%"))
                }
            case let byte:
                decoded.append(byte)
            }
            index += 1
        }
        return decoded
    }
}

/// RFC 3986 §3.1.
private func isSchemeCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
    default:
        false
    }
}

extension StringProtocol {
    /// The first place of `text`, compared byte by byte.
    func firstOccurrence(of text: String) -> Range<Index>? {
        var start = utf8.startIndex
        while start != utf8.endIndex {
            if utf8[start...].starts(with: text.utf8) {
                return start..<utf8.index(start, offsetBy: text.utf8.count)
            }
            start = utf8.index(after: start)
        }
        return nil
    }

    /// Whether both have the same bytes. `==` would also take different Unicode spellings for the same.
    func hasSameBytes(as other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8)
    }

    /// This path as seen from below `prefix`: "/chat/x" under "/chat" leaves "/x", "/chat" leaves "", "/chats" is not
    /// below it (nil). A prefix that ends with `/` leaves what follows that `/`.
    func remainder(belowPathPrefix prefix: Substring) -> SubSequence? {
        guard utf8.starts(with: prefix.utf8) else { return nil }
        let rest = self[utf8.index(utf8.startIndex, offsetBy: prefix.utf8.count)...]
        let endsSegment = rest.isEmpty || prefix.utf8.last == UInt8(ascii: "/") || rest.utf8.first == UInt8(ascii: "/")
        return endsSegment ? rest : nil
    }
}

/// The value of one hexadecimal digit, either case.
func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
