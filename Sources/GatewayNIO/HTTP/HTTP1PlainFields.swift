import HTTPTypes

/// The fields of an HTTP/1.1 head that is written plainly, read in one pass over its bytes.
///
/// Plain means that nobody can read it in a second way: each line is a token, a colon and visible ASCII, and ends with CR
/// and LF (RFC 9112 §5). Nothing is refused here. Whatever is written otherwise is left to NIO's parser, which reads it or
/// says what is wrong with it.
struct HTTP1PlainFields {
    /// More of them are left to the parser, which has limits of its own.
    private static let maxCount = 100

    /// In their order, with the case of their names, and without `Host`.
    private(set) var fields = HTTPFields()
    /// Bytes of names and values, and four for each field: what `limits.max_header_size` counts.
    private(set) var size = 0
    /// nil: none came, or more than one.
    var host: String? { hostCount == 1 ? firstHost : nil }
    /// As `Content-Length` says; nil: there is none.
    private(set) var contentLength: Int?
    /// `Connection` names `close` (RFC 9112 §9.6).
    private(set) var closes = false
    private(set) var hasUpgrade = false

    private var firstHost: String?
    private(set) var hostCount = 0

    /// Reads the lines up to the empty one, which ends the bytes; nil: they are not plain.
    init?(_ bytes: UnsafeRawBufferPointer) {
        fields.reserveCapacity(16)
        var position = 0
        while true {
            guard position + 1 < bytes.count else { return nil }
            if bytes[position] == UInt8(ascii: "\r") {
                guard bytes[position + 1] == UInt8(ascii: "\n"), position + 2 == bytes.count else {
                    return nil
                }
                return
            }
            guard let end = readLine(bytes, at: position) else { return nil }
            position = end
        }
    }

    /// - Returns: where the next line begins; nil: this one is not plain.
    private mutating func readLine(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Int? {
        var position = start
        while position < bytes.count, HTTP1Octets.isToken(bytes[position]) { position += 1 }
        guard position > start, position < bytes.count, bytes[position] == UInt8(ascii: ":"),
            fields.count < Self.maxCount
        else { return nil }
        let name = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
        position += 1
        while position < bytes.count, HTTP1Octets.isSpace(bytes[position]) { position += 1 }
        let valueStart = position
        while position < bytes.count, HTTP1Octets.isText(bytes[position]) { position += 1 }
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\r"),
            bytes[position + 1] == UInt8(ascii: "\n")
        else { return nil }
        // White space behind a value is counted, as the parser hands it on.
        size += name.count + (position - valueStart) + 4
        var valueEnd = position
        while valueEnd > valueStart, HTTP1Octets.isSpace(bytes[valueEnd - 1]) { valueEnd -= 1 }
        guard keep(name, UnsafeRawBufferPointer(rebasing: bytes[valueStart..<valueEnd])) else {
            return nil
        }
        return position + 2
    }

    /// - Returns: false: what it says of the message's framing is left to the parser.
    private mutating func keep(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer)
        -> Bool
    {
        guard let known = HTTP1FieldNames.name(of: name) else {
            guard let other = HTTPField.Name(String(decoding: name, as: UTF8.self)) else { return false }
            return keep(other, value)
        }
        return keep(known, value)
    }

    private mutating func keep(_ name: HTTPField.Name, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let canonical = name.canonicalName
        // The names that matter here have these lengths.
        switch canonical.utf8.count {
        case 4 where canonical == "host":
            hostCount += 1
            firstHost = String(decoding: bytes, as: UTF8.self)
            return true
        case 7 where canonical == "upgrade":
            hasUpgrade = true
        case 10 where canonical == "connection":
            readConnection(bytes)
        case 14 where canonical == "content-length":
            guard contentLength == nil, let length = HTTP1Octets.decimal(bytes) else { return false }
            contentLength = length
        case 16 where canonical == "proxy-connection": return false
        case 17 where canonical == "transfer-encoding": return false
        default: break
        }
        fields.append(HTTPField(name: name, value: String(decoding: bytes, as: UTF8.self)))
        return true
    }

    private mutating func readConnection(_ bytes: UnsafeRawBufferPointer) {
        for option in bytes.split(separator: UInt8(ascii: ","))
        where HTTP1Octets.isSame(HTTP1Octets.trimmed(UnsafeRawBufferPointer(rebasing: option)), "close") {
            closes = true
        }
    }
}

/// Classes of octets in an HTTP/1.1 head (RFC 9110 §5.5, §5.6.2, §5.6.3).
enum HTTP1Octets {
    /// `!#$%&'*+-.` and digits, one bit each.
    private static let tokensBelow64: UInt64 = 0x03FF_6CFA_0000_0000
    /// ``^_`|~`` and letters, one bit each.
    private static let tokensFrom64: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        guard byte < 0x80 else { return false }
        let bits = byte < 64 ? tokensBelow64 : tokensFrom64
        return bits >> UInt64(byte & 63) & 1 == 1
    }

    /// Optional white space.
    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// What may stand in a value, as far as it is ASCII.
    @inline(__always)
    static func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F || byte == 0x09 }

    /// Without the white space around it.
    static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = bytes.count
        while start < end, isSpace(bytes[start]) { start += 1 }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// Whether the bytes are this word in any case.
    ///
    /// - Parameter word: lower-case letters.
    static func isSame(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] | 0x20 != word.utf8Start[index] { return false }
        return true
    }

    /// Up to fifteen digits and nothing else; nil: anything else.
    static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard (1...15).contains(bytes.count) else { return nil }
        var number = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number &* 10 &+ Int(byte &- UInt8(ascii: "0"))
        }
        return number
    }
}
