import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Finds the end of an HTTP/1.1 head in bytes that come in any pieces (RFC 9112 §2.1): the empty line behind the start
/// line and the fields. Empty lines before the start line are no end (§2.2).
struct HTTP1HeadScan {
    /// How many of the first bytes are remembered.
    static let beginningLength = 24

    /// The first bytes of the head, without empty lines before it.
    private(set) var beginning: [UInt8] = []
    /// Bytes of the head so far.
    private(set) var length = 0
    private var lineIsEmpty = true

    /// How many of these bytes still belong to the head when its end is among them; nil: it goes on behind them.
    mutating func end(in bytes: ByteBufferView) -> Int? {
        let end = bytes.withUnsafeBytes { bytes -> Int? in look(at: bytes) }
        length += end ?? bytes.count
        return end
    }

    private mutating func look(at bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var position = 0
        while position < bytes.count {
            let found = memchr(base + position, CInt(UInt8(ascii: "\n")), bytes.count - position)
            let lineEnd = found.map { base.distance(to: $0) } ?? bytes.count
            if lineEnd > position { pass(UnsafeRawBufferPointer(rebasing: bytes[position..<lineEnd])) }
            guard found != nil else { return nil }
            position = lineEnd + 1
            guard !beginning.isEmpty else { continue }
            if lineIsEmpty { return position }
            remember(UInt8(ascii: "\n"))
            lineIsEmpty = true
        }
        return nil
    }

    /// Looks at bytes of one line.
    private mutating func pass(_ bytes: UnsafeRawBufferPointer) {
        let carriageReturn = UInt8(ascii: "\r")
        if lineIsEmpty, bytes.contains(where: { $0 != carriageReturn }) { lineIsEmpty = false }
        for byte in bytes {
            guard beginning.count < Self.beginningLength else { return }
            if byte != carriageReturn || !beginning.isEmpty { remember(byte) }
        }
    }

    private mutating func remember(_ byte: UInt8) {
        if beginning.count < Self.beginningLength { beginning.append(byte) }
    }

    /// The status of a response, as far as the beginning is that of one (RFC 9112 §4): `HTTP/1.1 101`.
    var status: Int? {
        guard beginning.count >= 12, beginning.starts(with: "HTTP/1.".utf8), beginning[8] == UInt8(ascii: " ") else {
            return nil
        }
        return Int(String(decoding: beginning[9..<12], as: UTF8.self))
    }
}
