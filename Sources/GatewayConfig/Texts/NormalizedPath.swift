/// A path (RFC 3986 §3.3) in normal form (§6.2.2), so that all spellings of one path are one path to a route's
/// conditions.
///
/// Characters that are sent encoded without need are decoded, and those that need it are encoded, in upper case. Dot
/// segments are resolved (§5.2.4), and slashes that follow each other are one. An encoded slash (`%2F`, `%5C`) stays as
/// it is and separates nothing: some servers have names with slashes.
public struct NormalizedPath: Equatable, Sendable {
    /// Means what the path meant to every server: of what is encoded, only unreserved characters are decoded.
    public let text: String
    /// What paths are compared by: `!$&'()*+,;=:@` are decoded as well. RFC 3986 tells both spellings apart, but
    /// servers take one for the other.
    public let comparable: String
    /// Whether segments were removed: dot segments, or empty ones.
    public let isShortened: Bool
    /// Whether `%2F` or `%5C` is in it, in either case.
    public let hasEncodedSlash: Bool

    /// - Parameter path: without query.
    /// - Throws: `PathFault` for what has no normal form, or has two.
    public init(_ path: some StringProtocol) throws(PathFault) {
        var reader = PathReader(capacity: path.utf8.count)
        try reader.read(path.utf8)
        text = String(decoding: reader.text, as: UTF8.self)
        comparable = reader.hasReserved ? Self.decodingReserved(reader.text) : text
        isShortened = reader.isShortened
        hasEncodedSlash = reader.hasEncodedSlash
    }

    private static func decodingReserved(_ text: [UInt8]) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), let byte = PathSyntax.encodedByte(in: text, at: index) {
                if PathSyntax.isReserved(byte) {
                    decoded.append(byte)
                } else {
                    decoded += text[index..<(index + 3)]
                }
                index += 3
            } else {
                decoded.append(text[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}

/// Why a path has no normal form.
public enum PathFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// It does not begin with `/`.
    case notAbsolute
    /// White space, a control character, `\`, `?`, `#`, or anything that is not ASCII.
    case character
    /// A `%` without two hexadecimal digits behind it.
    case escape
    /// `%00`
    case nul
    /// More `..` than segments before them.
    case aboveRoot
    /// `..` behind an empty segment: servers that merge slashes see another path than those that don't.
    case ambiguous

    /// One line.
    public var description: String {
        switch self {
        case .notAbsolute: "path does not begin with /"
        case .character: "path has a character that no path may have"
        case .escape: "path has a % without two hexadecimal digits after it"
        case .nul: "path has %00"
        case .aboveRoot: "path has more .. than segments before them"
        case .ambiguous: "path has .. after //, and servers read that in two ways"
        }
    }
}

/// Writes the normal form of a path, one byte after the other.
private struct PathReader {
    var text: [UInt8] = []
    /// Where each segment begins in `text`, at its slash. An empty one is not written, and begins at the end.
    private var segments: [Int] = []
    private(set) var isShortened = false
    private(set) var hasEncodedSlash = false
    /// Whether an encoded character could be decoded to compare.
    private(set) var hasReserved = false
    private var segmentHasEncodedSlash = false

    init(capacity: Int) { text.reserveCapacity(capacity) }

    mutating func read(_ path: some Collection<UInt8>) throws(PathFault) {
        guard path.first == UInt8(ascii: "/") else { throw .notAbsolute }
        begin()
        var index = path.index(after: path.startIndex)
        while index != path.endIndex {
            let byte = path[index]
            index = path.index(after: index)
            switch byte {
            case UInt8(ascii: "/"):
                try end(isLast: false)
                begin()
            case UInt8(ascii: "%"):
                let digits = path[index...].prefix(2)
                guard digits.count == 2, let encoded = PathSyntax.byte(ofDigits: digits) else { throw .escape }
                try append(encoded: encoded)
                index = path.index(index, offsetBy: 2)
            default:
                try append(byte)
            }
        }
        try end(isLast: true)
    }

    private mutating func append(_ byte: UInt8) throws(PathFault) {
        if PathSyntax.isUnreserved(byte) || PathSyntax.isReserved(byte) {
            text.append(byte)
        } else if PathSyntax.isOftenBare(byte) {
            PathSyntax.encode(byte, to: &text)
        } else {
            throw .character
        }
    }

    private mutating func append(encoded byte: UInt8) throws(PathFault) {
        guard byte != 0 else { throw .nul }
        if PathSyntax.isUnreserved(byte) { return text.append(byte) }
        if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") { segmentHasEncodedSlash = true }
        if PathSyntax.isReserved(byte) { hasReserved = true }
        PathSyntax.encode(byte, to: &text)
    }

    private mutating func begin() {
        segments.append(text.count)
        text.append(UInt8(ascii: "/"))
        segmentHasEncodedSlash = false
    }

    private mutating func end(isLast: Bool) throws(PathFault) {
        guard let start = segments.last else { return }
        if segmentHasEncodedSlash { hasEncodedSlash = true }
        // No slice is kept: changing `text` beside one would copy it.
        let kind = PathSyntax.kind(ofSegment: text[(start + 1)...])
        guard kind != .name else { return }
        if kind != .empty || !isLast { isShortened = true }
        text.removeLast(text.count - start)
        // An empty segment is kept in mind: a ".." behind it means one thing to those who merge slashes, and another to
        // the rest.
        if kind != .empty { segments.removeLast() }
        if kind == .parent { try removeParent() }
        if isLast { text.append(UInt8(ascii: "/")) }
    }

    private mutating func removeParent() throws(PathFault) {
        guard let parent = segments.popLast() else { throw .aboveRoot }
        guard parent < text.count else { throw .ambiguous }
        text.removeLast(text.count - parent)
    }
}

/// The characters and segments of paths (RFC 3986 §2, §3.3).
private enum PathSyntax {
    enum Segment { case name, empty, current, parent }

    static func kind(ofSegment segment: ArraySlice<UInt8>) -> Segment {
        if segment.isEmpty { return .empty }
        guard segment.allSatisfy({ $0 == UInt8(ascii: ".") }) else { return .name }
        return segment.count == 1 ? .current : segment.count == 2 ? .parent : .name
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Those of the reserved characters that may stand in a segment as they are.
    static func isReserved(_ byte: UInt8) -> Bool {
        "!$&'()*+,;=:@".utf8.contains(byte)
    }

    /// May not stand in a path, and yet are sent in it: there is one way to read them.
    static func isOftenBare(_ byte: UInt8) -> Bool {
        "\"<>[]^`{|}".utf8.contains(byte)
    }

    static func byte(ofDigits digits: some Collection<UInt8>) -> UInt8? {
        var byte: UInt8 = 0
        for digit in digits {
            guard let value = UInt8(hexadecimalDigit: digit) else { return nil }
            byte = byte << 4 | value
        }
        return byte
    }

    static func encodedByte(in text: [UInt8], at index: Int) -> UInt8? {
        index + 3 <= text.count ? byte(ofDigits: text[(index + 1)..<(index + 3)]) : nil
    }

    static func encode(_ byte: UInt8, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "%"))
        for value in [byte >> 4, byte & 0xF] {
            text.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + (value - 10))
        }
    }
}
