import HTTPTypes

@testable import HTTP2Core

/// Field values on their way through a connection: what goes on is what came, or it was refused.
struct HTTP2Fields {
    /// A GET with one field `x` behind it, all literals that leave the table alone (RFC 7541 §6.1, §6.2.2): the bytes of
    /// its value by the stream, where no other header block opens that.
    private var values: [UInt32: [UInt8]] = [:]

    static let get: [UInt8] = [0x82, 0x87, 0x84, 0x41, 1, 97]
    private static let name: [UInt8] = [0, 1, 120]

    /// A header block of that kind, of a value of less than 127 bytes.
    static func block(value: some Collection<UInt8>) -> [UInt8] { get + name + [UInt8(value.count)] + value }

    /// Reads the whole frames that a peer sends, without the code under test.
    init(_ bytes: [UInt8]) {
        var seen: Set<UInt32> = []
        var position = 0
        while bytes.count - position >= 9 {
            let count = bytes[position..<(position + 3)].reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count - position >= 9 + count else { break }
            let flags = bytes[position + 4]
            let stream = bytes[(position + 5)..<(position + 9)].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
            let payload = bytes[(position + 9)..<(position + 9 + count)]
            if bytes[position + 3] == 1, seen.insert(stream).inserted, flags & 0x2C == 4 {
                values[stream] = Self.value(of: payload)
            }
            position += 9 + count
        }
    }

    private static func value(of block: ArraySlice<UInt8>) -> [UInt8]? {
        guard block.starts(with: get + name) else { return nil }
        let rest = block.dropFirst(get.count + name.count)
        guard let length = rest.first, length < 127, rest.count == 1 + Int(length) else { return nil }
        return Array(rest.dropFirst())
    }

    /// RFC 9113 §8.2.1 and RFC 9110 §5.5: no controls but HTAB, and neither SP nor HTAB at the ends.
    private static func isAllowed(_ value: [UInt8]) -> Bool {
        let ends = [value.first, value.last]
        return value.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 9 } && !ends.contains(0x20) && !ends.contains(9)
    }

    func judge(_ request: Result<HTTPRequest, HTTP2RequestError>, of stream: UInt32) throws {
        if let value = values[stream] {
            switch request {
            case .success(let request):
                let told = request.headerFields.map { $0.withUnsafeBytesOfValue { Array($0) } }
                try require(told == [value], "a value of \(value) on stream \(stream) is told as \(told)")
            case .failure(let error):
                try require(!Self.isAllowed(value), "a value of \(value) on stream \(stream) is refused: \(error)")
            }
        }
        guard case .success(let request) = request else { return }
        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder(maxListSize: 1 << 20)
        let list = try decoder.decode(encoder.encode(HTTP2Head.headers(of: request)))
        let again = try HTTP2Head.request(from: list, maxSize: 1 << 20)
        try require(again == request, "\(request) goes on as \(again)")
    }
}
