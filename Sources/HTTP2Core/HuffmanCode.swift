/// The code that HPACK writes strings with (RFC 7541 §5.2, appendix B), for reading.
///
/// The code is canonical: sorted by length and then by symbol, codes count upwards. So the lengths say all there is
/// to say.
struct HuffmanCode: Sendable {
    static let hpack = HuffmanCode()

    /// Why bits are no string.
    enum Failure: Error {
        /// The symbol that never stands in a string.
        case endOfString
        /// What is left behind the last symbol is more than seven bits, or not all ones.
        case padding
    }

    /// Bits of each symbol's code: 256 bytes, and the end of a string.
    private static let lengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ]
    private static let longest = 30
    private static let shortest = 5
    private static let endOfString: UInt16 = 256

    /// By the next eight bits: a symbol of at most that many, above the length of its code; 0: its code is longer.
    private let short: [UInt16]
    /// Symbols whose codes are longer than eight bits, in the order of their codes.
    private let long: [UInt16]
    /// The codes of one length.
    private struct Row {
        var length: Int
        /// The first code behind them, at the upper end of 32 bits.
        var end: UInt32
        /// The first code, likewise.
        var start: UInt32
        /// Where their symbols begin in `long`.
        var position: Int
    }
    private let rows: [Row]

    private init() {
        var short = [UInt16](repeating: 0, count: 256)
        var long: [UInt16] = []
        var rows: [Row] = []
        var code: UInt32 = 0
        for length in Self.shortest...Self.longest {
            let symbols = Self.lengths.indices.filter { Int(Self.lengths[$0]) == length }
            let step = UInt32(1) << UInt32(32 - length)
            if length > 8, !symbols.isEmpty {
                let end = code &+ step &* UInt32(symbols.count)
                rows.append(Row(length: length, end: end, start: code, position: long.count))
                long += symbols.map { UInt16($0) }
                code = end
                continue
            }
            for symbol in symbols {
                let first = Int(code >> 24)
                for place in first..<(first + (1 << (8 - length))) { short[place] = UInt16(symbol << 8 | length) }
                code &+= step
            }
        }
        self.short = short
        self.long = long
        self.rows = rows
    }

    /// The most bytes that a string of that many can stand for: the shortest code has five bits.
    static func mostBytes(in count: Int) -> Int { count &* 8 / shortest }

    /// Reads a string.
    ///
    /// - Parameters:
    ///   - input: the codes, and the padding behind them.
    ///   - output: room for `mostBytes(in:)` of the input.
    /// - Returns: how many bytes of `output` were written.
    /// - Throws: `Failure`.
    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Int {
        // The bits that were read and not used yet, at the upper end.
        var bits: UInt64 = 0
        var count = 0
        var position = 0
        var written = 0
        while true {
            while count <= 56, position < input.count {
                bits |= UInt64(input[position]) &<< UInt64(56 &- count)
                count &+= 8
                position &+= 1
            }
            let entry = short[Int(truncatingIfNeeded: bits &>> 56)]
            if entry != 0 {
                let length = Int(entry & 0xFF)
                guard length <= count else { break }
                output[written] = UInt8(truncatingIfNeeded: entry &>> 8)
                written &+= 1
                bits &<<= UInt64(length)
                count &-= length
                continue
            }
            let next = UInt32(truncatingIfNeeded: bits &>> 32)
            // The last row ends where 32 bits end, so its `end` is 0.
            guard let row = rows.first(where: { next < $0.end }) ?? rows.last, row.length <= count else { break }
            let symbol = long[row.position + Int((next &- row.start) &>> UInt32(32 - row.length))]
            guard symbol != Self.endOfString else { throw .endOfString }
            output[written] = UInt8(truncatingIfNeeded: symbol)
            written &+= 1
            bits &<<= UInt64(row.length)
            count &-= row.length
        }
        // Fewer bits than a code has: the beginning of the end's, which is all ones (RFC 7541 §5.2).
        guard count < 8, bits == ~(UInt64.max &>> UInt64(count)) else { throw .padding }
        return written
    }
}
