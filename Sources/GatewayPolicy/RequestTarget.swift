public import GatewayConfig

/// A request target in origin form (RFC 9112 §3.2.1), taken apart: `/chat?room=1`.
public struct RequestTarget: Sendable {
    /// As it was sent.
    public let text: String
    /// Of the path as it was sent, without query.
    public let path: NormalizedPath
    /// What follows the first `?`, without it, as it was sent; nil: there is none.
    public let query: Substring?

    /// - Throws: `Refusal.badRequest` for a target that is no origin form of visible ASCII, or whose path has no normal
    ///   form.
    public init(_ text: String, encodedSlashes: EncodedSlashes = .pass) throws(Refusal) {
        guard text.utf8.allSatisfy({ 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "#") }) else {
            throw .badRequest("request target has a character that no target may have")
        }
        self.text = text
        let mark = text.utf8.firstIndex(of: UInt8(ascii: "?"))
        query = mark.map { text[text.utf8.index(after: $0)...] }
        do throws(PathFault) {
            path = try NormalizedPath(text[..<(mark ?? text.endIndex)])
        } catch {
            throw .badRequest("\(error)")
        }
        guard encodedSlashes == .pass || !path.hasEncodedSlash else {
            throw .badRequest("path has %2F or %5C, which this listener refuses")
        }
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
                if index + 2 < encoded.count, let high = UInt8(hexadecimalDigit: encoded[index + 1]),
                    let low = UInt8(hexadecimalDigit: encoded[index + 2])
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
