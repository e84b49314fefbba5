import NIOCore

/// Where the content of an HTTP/1.1 message ends (RFC 9112 §6), as Sluice decides it from the head.
enum HTTP1Framing: Equatable {
    case none
    /// At least one byte.
    case length(Int)
    case chunked
    /// Responses alone.
    case untilEnd
}

/// Finds the end of an HTTP/1.1 message's content in bytes that come in any pieces, and judges how chunks are written
/// (RFC 9112 §7.1). Nothing that two parsers could read in two ways passes: lines end with CR and LF, and a chunk's size
/// is hexadecimal digits alone.
struct HTTP1ContentScan {
    /// Digits of a chunk's size: more would not fit a number of 64 bits.
    private static let maxDigits = 15
    /// Bytes of all chunk extensions of one message, which mean nothing to anybody.
    private static let maxExtensions = 16 * 1024

    private enum State {
        case data(left: Int, isChunk: Bool)
        case untilEnd
        case chunkSize(value: Int, digits: Int)
        /// Behind the size, before its line ends.
        case chunkExtension(size: Int)
        case chunkLineFeed(size: Int)
        /// Behind the data of a chunk.
        case dataReturn
        case dataLineFeed
        case trailerLine(isEmpty: Bool)
        case trailerLineFeed(isEmpty: Bool)
        case done
    }

    let isChunked: Bool
    private var state: State
    private var extensionsLeft = Self.maxExtensions
    private var trailersLeft: Int

    /// - Parameter maxTrailers: bytes of the trailer section.
    init(_ framing: HTTP1Framing, maxTrailers: Int) {
        isChunked = framing == .chunked
        trailersLeft = maxTrailers
        state =
            switch framing {
            case .none: .done
            case .length(let length): length > 0 ? .data(left: length, isChunk: false) : .done
            case .chunked: .chunkSize(value: 0, digits: 0)
            case .untilEnd: .untilEnd
            }
    }

    /// What is wrong with the content, in one line.
    struct Violation: Error, Equatable {
        let text: String
        /// The trailer section is over its limit.
        var isTooLarge = false
    }

    var isDone: Bool { if case .done = state { true } else { false } }

    /// The content goes on until the connection ends.
    var endsWithConnection: Bool { if case .untilEnd = state { true } else { false } }

    /// How many of these bytes still belong to the content when its end is among them; nil: it goes on behind them.
    mutating func end(in bytes: ByteBufferView) throws(Violation) -> Int? {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch state {
            case .done:
                return index - bytes.startIndex
            case .untilEnd:
                return nil
            case .data(let left, let isChunk):
                let count = min(left, bytes.endIndex - index)
                index += count
                if count < left {
                    state = .data(left: left - count, isChunk: isChunk)
                } else {
                    state = isChunk ? .dataReturn : .done
                }
            default:
                try step(bytes[index])
                index += 1
            }
        }
        return isDone ? bytes.count : nil
    }

    /// One byte that is no data.
    private mutating func step(_ byte: UInt8) throws(Violation) {
        switch state {
        case .chunkSize(let value, let digits):
            try chunkSize(byte, value, digits)
        case .chunkExtension(let size):
            try chunkExtension(byte, size)
        case .chunkLineFeed(let size):
            try expect(byte, UInt8(ascii: "\n"), "the line of a chunk's size")
            state = size > 0 ? .data(left: size, isChunk: true) : .trailerLine(isEmpty: true)
        case .dataReturn:
            try expect(byte, UInt8(ascii: "\r"), "the data of a chunk")
            state = .dataLineFeed
        case .dataLineFeed:
            try expect(byte, UInt8(ascii: "\n"), "the data of a chunk")
            state = .chunkSize(value: 0, digits: 0)
        case .trailerLine(let isEmpty):
            try trailer(byte, isEmpty)
        case .trailerLineFeed(let isEmpty):
            try expect(byte, UInt8(ascii: "\n"), "a line of the trailer section")
            state = isEmpty ? .done : .trailerLine(isEmpty: true)
        case .data, .untilEnd, .done:
            break
        }
    }

    private mutating func chunkSize(_ byte: UInt8, _ value: Int, _ digits: Int) throws(Violation) {
        if let digit = Self.hexadecimal(byte) {
            guard digits < Self.maxDigits else {
                throw Violation(text: "a chunk's size has more than \(Self.maxDigits) digits")
            }
            state = .chunkSize(value: value << 4 | digit, digits: digits + 1)
            return
        }
        guard digits > 0 else { throw Violation(text: "a chunk's size is missing, expected hexadecimal digits") }
        switch byte {
        case UInt8(ascii: "\r"): state = .chunkLineFeed(size: value)
        case UInt8(ascii: ";"): state = .chunkExtension(size: value)
        default: throw Violation(text: "a chunk's size has a character that is not a hexadecimal digit")
        }
    }

    private mutating func chunkExtension(_ byte: UInt8, _ size: Int) throws(Violation) {
        if byte == UInt8(ascii: "\r") {
            state = .chunkLineFeed(size: size)
            return
        }
        guard byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t") else {
            throw Violation(text: "a chunk extension has a control character")
        }
        extensionsLeft -= 1
        guard extensionsLeft > 0 else {
            throw Violation(text: "chunk extensions are over \(Self.maxExtensions) bytes")
        }
    }

    private mutating func trailer(_ byte: UInt8, _ isEmpty: Bool) throws(Violation) {
        trailersLeft -= 1
        guard trailersLeft > 0 else { throw Violation(text: "the trailer section is too large", isTooLarge: true) }
        switch byte {
        case UInt8(ascii: "\r"):
            state = .trailerLineFeed(isEmpty: isEmpty)
        case UInt8(ascii: "\n"):
            throw Violation(text: "a line of the trailer section ends with LF alone, expected CR and LF")
        case UInt8(ascii: " "), UInt8(ascii: "\t"):
            guard !isEmpty else { throw Violation(text: "a field of the trailer section is folded (RFC 9112 §5.2)") }
        default:
            state = .trailerLine(isEmpty: false)
        }
    }

    private func expect(_ byte: UInt8, _ wanted: UInt8, _ place: String) throws(Violation) {
        guard byte == wanted else { throw Violation(text: "\(place) does not end with CR and LF") }
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
