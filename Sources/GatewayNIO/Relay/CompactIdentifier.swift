/// An identifier that is kept as long as a session: the 16 or 32 hexadecimal digits that they mostly are in the bytes
/// that they stand for, anything else as text.
enum CompactIdentifier: Equatable {
    case digits16(UInt64)
    case digits32(UInt64, UInt64)
    case text(String)

    init(_ text: String) {
        let digits = text.utf8
        let isHexadecimal = digits.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        switch digits.count {
        case 16 where isHexadecimal: self = .digits16(Self.bits(of: digits))
        case 32 where isHexadecimal:
            self = .digits32(Self.bits(of: digits.prefix(16)), Self.bits(of: digits.suffix(16)))
        default: self = .text(text)
        }
    }

    /// As it was.
    var text: String {
        switch self {
        case .digits16(let bits): Self.digits(bits)
        case .digits32(let upper, let lower): Self.digits(upper) + Self.digits(lower)
        case .text(let text): text
        }
    }

    private static func bits(of digits: some Sequence<UInt8>) -> UInt64 {
        digits.reduce(0) { bits, digit in
            bits &<< 4
                | UInt64(digit <= UInt8(ascii: "9") ? digit &- UInt8(ascii: "0") : digit &- UInt8(ascii: "a") &+ 10)
        }
    }

    private static func digits(_ bits: UInt64) -> String {
        let text = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}
