import NIOCore

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
        var count = 0
        for byte in bytes {
            count += 1
            switch byte {
            case UInt8(ascii: "\r"):
                if !beginning.isEmpty { remember(byte) }
            case UInt8(ascii: "\n"):
                guard !beginning.isEmpty else { continue }
                if lineIsEmpty {
                    length += count
                    return count
                }
                remember(byte)
                lineIsEmpty = true
            default:
                remember(byte)
                lineIsEmpty = false
            }
        }
        length += count
        return nil
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
