import HTTPTypes

@testable import HTTP2Core

/// A frame as it is on the wire (RFC 9113 §4.1), put together and taken apart without the code that is tested.
struct Frame: Equatable, Sendable, CustomStringConvertible {
    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static let endStream: UInt8 = 0x1
    static let ack: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let withPriority: UInt8 = 0x20

    var bytes: [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), type, flags]
            + Self.word(stream) + payload
    }

    var description: String {
        let names = [
            "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
            "CONTINUATION",
        ]
        let name = Int(type) < names.count ? names[Int(type)] : "type \(type)"
        return "\(name) flags \(flags) stream \(stream) \(payload.prefix(16)) (\(payload.count) bytes)"
    }

    static func word(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// The first four bytes of a payload from `offset` on.
    func word(at offset: Int = 0) -> UInt32 {
        payload.dropFirst(offset).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    var errorCode: HTTP2ErrorCode { HTTP2ErrorCode(rawValue: word(at: type == 7 ? 4 : 0)) }

    /// Without the text of a GOAWAY, which is for people.
    var essence: Frame {
        var frame = self
        if type == 7 { frame.payload = Array(payload.prefix(8)) }
        return frame
    }

    /// All whole frames; what is left behind them is dropped.
    static func all(in bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let header = Array(rest.prefix(9))
            let count = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
            guard rest.count >= 9 + count else { break }
            frames.append(
                Frame(
                    type: header[3], flags: header[4], stream: header[5...].reduce(0) { $0 << 8 | UInt32($1) },
                    payload: Array(rest.dropFirst(9).prefix(count))))
            rest = rest.dropFirst(9 + count)
        }
        return frames
    }

    // MARK: Kinds

    static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = false) -> Frame {
        Frame(type: 0, flags: end ? endStream : 0, stream: stream, payload: payload)
    }

    static func data(_ stream: UInt32, _ text: String, end: Bool = false) -> Frame {
        data(stream, Array(text.utf8), end: end)
    }

    static func paddedData(_ stream: UInt32, _ payload: [UInt8], padding: Int, end: Bool = false) -> Frame {
        Frame(
            type: 0, flags: padded | (end ? endStream : 0), stream: stream,
            payload: [UInt8(padding)] + payload + [UInt8](repeating: 0, count: padding))
    }

    static func headers(_ stream: UInt32, _ fields: Fields, end: Bool = false) -> Frame {
        Frame(type: 1, flags: endHeaders | (end ? endStream : 0), stream: stream, payload: fields.block)
    }

    static func priority(_ stream: UInt32, on other: UInt32 = 0) -> Frame {
        Frame(type: 2, stream: stream, payload: word(other) + [15])
    }

    static func reset(_ stream: UInt32, _ code: HTTP2ErrorCode = .cancel) -> Frame {
        Frame(type: 3, stream: stream, payload: word(code.rawValue))
    }

    static func settings(_ values: (UInt16, UInt32)...) -> Frame {
        Frame(type: 4, payload: values.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 0xFF)] + word($0.1) })
    }

    static let settingsAck = Frame(type: 4, flags: ack)

    static func ping(_ value: UInt8, ack isAck: Bool = false) -> Frame {
        Frame(type: 6, flags: isAck ? ack : 0, payload: [0, 0, 0, 0, 0, 0, 0, value])
    }

    static func goAway(_ last: UInt32, _ code: HTTP2ErrorCode = .noError, _ text: String = "") -> Frame {
        Frame(type: 7, payload: word(last) + word(code.rawValue) + Array(text.utf8))
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Frame {
        Frame(type: 8, stream: stream, payload: word(increment))
    }

    static func continuation(_ stream: UInt32, _ block: some Sequence<UInt8>, end: Bool = true) -> Frame {
        Frame(type: 9, flags: end ? endHeaders : 0, stream: stream, payload: Array(block))
    }
}

/// A header list, compressed with neither tables nor Huffman codes (RFC 7541 §6.2.2).
struct Fields: ExpressibleByArrayLiteral, Sendable {
    var list: [(String, String)]

    init(arrayLiteral elements: (String, String)...) { list = elements }
    init(_ list: [(String, String)]) { self.list = list }

    static let get: Fields = [
        (":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "example.com"),
    ]
    static let websocket: Fields = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat"),
        (":authority", "example.com"), ("sec-websocket-version", "13"),
    ]
    static let ok: Fields = [(":status", "200")]

    static func + (fields: Fields, more: Fields) -> Fields { Fields(fields.list + more.list) }

    /// Without, or with another value of, the field of that name.
    func with(_ name: String, _ value: String?) -> Fields {
        Fields(list.compactMap { $0.0 != name ? $0 : value.map { (name, $0) } })
    }

    var block: [UInt8] {
        list.flatMap { [0] + Self.text(Array($0.0.utf8)) + Self.text(Array($0.1.utf8)) }
    }

    /// A length with a prefix of seven bits (RFC 7541 §5.1), and the bytes.
    static func text(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }
}
