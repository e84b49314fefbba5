/// Field values that are lists of tokens: `Sec-WebSocket-Protocol`, `Connection`, `Upgrade` (RFC 9110 §5.6).
public enum TokenList {
    /// Most tokens of all lines together that ``parse(_:)`` takes.
    public static let limit = 64

    /// Reads the values of all lines of the field as one list, in order. Empty elements are skipped.
    ///
    /// - Throws: `HeaderGrammarError` for anything that is not a list of tokens, and past ``limit``.
    public static func parse(_ lines: [String]) throws(HeaderGrammarError) -> [String] {
        var tokens: [String] = []
        for line in lines {
            var scanner = FieldScanner(line)
            scanner.skipEmptyElements()
            while !scanner.isAtEnd {
                guard tokens.count < limit else {
                    throw HeaderGrammarError(
                        message: "more than \(limit) tokens, limit \(limit)", position: scanner.position)
                }
                tokens.append(try scanner.token("a token"))
                scanner.skipWhitespace()
                guard scanner.isAtEnd || scanner.skip(UInt8(ascii: ",")) else { throw scanner.unexpected("','") }
                scanner.skipEmptyElements()
            }
        }
        return tokens
    }

    /// Whether an element of the list is `token`, in any case. The other elements may be anything.
    public static func contains(_ lines: [String], token: String) -> Bool {
        lines.contains { line in
            // Mostly the list is that token alone.
            if line.utf8.count == token.utf8.count, equal(line, token) { return true }
            return line.utf8.split(separator: UInt8(ascii: ",")).contains { element in
                equal(FieldScanner.trimmed(Substring(element)), token)
            }
        }
    }

    /// Equal but for the case of ASCII letters.
    static func equal(_ left: String, _ right: String) -> Bool {
        func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
        return left.utf8.elementsEqual(right.utf8) { folded($0) == folded($1) }
    }
}
