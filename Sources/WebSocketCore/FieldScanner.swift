/// Reads one field line left to right (RFC 9110 §5.6).
struct FieldScanner {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ line: String) {
        bytes = Array(line.utf8)
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// Optional whitespace.
    mutating func skipWhitespace() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    }

    /// Empty list elements and the whitespace around them.
    mutating func skipEmptyElements() {
        skipWhitespace()
        while skip(UInt8(ascii: ",")) { skipWhitespace() }
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func token(_ what: String) throws(HeaderGrammarError) -> String {
        let start = position
        while position < bytes.count, Self.isTokenByte(bytes[position]) { position += 1 }
        guard position > start else { throw unexpected(what) }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// A token, or a quoted string whose content is a token (RFC 6455 §9.1).
    mutating func tokenOrQuoted(_ what: String) throws(HeaderGrammarError) -> String {
        guard skip(UInt8(ascii: "\"")) else { return try token(what) }
        var content: [UInt8] = []
        while position < bytes.count {
            var byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                guard !content.isEmpty else { throw unexpected("a token in the quoted \(what)") }
                position += 1
                return String(decoding: content, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") {
                position += 1
                guard position < bytes.count else { break }
                byte = bytes[position]
            }
            guard Self.isTokenByte(byte) else { throw unexpected("a token in the quoted \(what)") }
            content.append(byte)
            position += 1
        }
        throw unexpected("the closing quote of the \(what)")
    }

    func unexpected(_ expected: String) -> HeaderGrammarError {
        let arrived: String
        if position < bytes.count {
            let byte = bytes[position]
            arrived =
                (0x21...0x7E).contains(byte)
                ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x\(String(byte, radix: 16, uppercase: true))"
        } else {
            arrived = "the end"
        }
        return HeaderGrammarError(message: "expected \(expected), found \(arrived)", position: position)
    }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    static func trimmed(_ value: some StringProtocol) -> String {
        var bytes = Array(value.utf8)[...]
        while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Most values have no white space around them.
    static func trimmed(_ value: String) -> String {
        guard let first = value.utf8.first, let last = value.utf8.last, isSpace(first) || isSpace(last) else {
            return value
        }
        return trimmed(value[...])
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
