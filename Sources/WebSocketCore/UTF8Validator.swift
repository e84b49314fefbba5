/// Says whether bytes that come in pieces are UTF-8 (RFC 3629, as RFC 6455 §8.1 asks), at the first byte that is not.
///
/// No overlong forms, no surrogates, nothing above U+10FFFF: each narrows what the second byte of a sequence may be, so
/// the state is how many bytes are missing and the range of the next one.
public struct UTF8Validator: Equatable, Sendable {
    private var missing: UInt8 = 0
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    public init() {}

    /// Whether no sequence is unfinished, as must be the case where a message ends.
    public var isAtBoundary: Bool { missing == 0 }

    /// Makes ready for another message.
    public mutating func reset() {
        self = UTF8Validator()
    }

    /// Takes the next bytes; false when what came so far is the start of no UTF-8 text, and from then on.
    ///
    /// - Parameters:
    ///   - mask: unmasks on the fly, as the bytes came from a client.
    ///   - offset: position in the frame's payload of the first of `bytes`, ≥ 0; matters only with a mask.
    public mutating func consume(_ bytes: UnsafeRawBufferPointer, mask: MaskKey?, offset: Int) -> Bool {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return lowest <= highest }
        let key = UInt32(littleEndian: (mask ?? MaskKey(raw: 0)).rotated(by: offset).raw)
        let count = bytes.count
        var missing = missing
        var lowest = lowest
        var highest = highest
        var index = 0
        defer {
            self.missing = missing
            self.lowest = lowest
            self.highest = highest
        }
        while index < count {
            if missing == 0 {
                index = Self.skipText(base, from: index, to: count, key)
                guard index < count else { return true }
            }
            let shift = UInt32(truncatingIfNeeded: index & 3) &* 8
            let byte = base.load(fromByteOffset: index, as: UInt8.self) ^ UInt8(truncatingIfNeeded: key &>> shift)
            index &+= 1
            if missing > 0 {
                guard byte >= lowest && byte <= highest else {
                    (missing, lowest, highest) = Self.refused
                    return false
                }
                missing &-= 1
                lowest = 0x80
                highest = 0xBF
                continue
            }
            switch byte {
            case 0xC2...0xDF: missing = 1
            case 0xE1...0xEC, 0xEE...0xEF: missing = 2
            case 0xE0: (missing, lowest) = (2, 0xA0)
            case 0xED: (missing, highest) = (2, 0x9F)
            case 0xF1...0xF3: missing = 3
            case 0xF0: (missing, lowest) = (3, 0x90)
            case 0xF4: (missing, highest) = (3, 0x8F)
            case 0x00...0x7F: break
            default:
                (missing, lowest, highest) = Self.refused
                return false
            }
        }
        return true
    }

    /// An empty range: no byte gets past it.
    private static var refused: (UInt8, UInt8, UInt8) { (1, 0xFF, 0x00) }

    /// Where the first byte at or after `start` is that is not ASCII, or at most 7 bytes before `end`.
    @inline(__always)
    private static func skipASCII(
        _ base: UnsafeRawPointer, from start: Int, to end: Int, _ key: UInt32
    ) -> Int {
        let high: UInt64 = 0x8080_8080_8080_8080
        var index = start
        // The key repeats every 4 bytes, so one rotation holds for all words from here.
        let turn = UInt32(truncatingIfNeeded: start & 3) &* 8
        let turned = turn == 0 ? key : key &>> turn | key &<< (32 &- turn)
        let wide = UInt64(turned) | UInt64(turned) &<< 32
        while index &+ 32 <= end {
            let a = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let b = base.loadUnaligned(fromByteOffset: index &+ 8, as: UInt64.self)
            let c = base.loadUnaligned(fromByteOffset: index &+ 16, as: UInt64.self)
            let d = base.loadUnaligned(fromByteOffset: index &+ 24, as: UInt64.self)
            let mask = UInt64(littleEndian: wide)
            guard ((a ^ mask) | (b ^ mask) | (c ^ mask) | (d ^ mask)) & high == 0 else { break }
            index &+= 32
        }
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ wide
            let found = word & high
            guard found == 0 else { return index &+ found.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        return index
    }

    /// Where the first byte at or after `start` is that begins no whole and valid sequence within the next 4 bytes. What
    /// it stops at is left to the loop above, which knows just what is wrong, or is at most 3 bytes before `end`.
    @inline(__always)
    private static func skipText(
        _ base: UnsafeRawPointer, from start: Int, to end: Int, _ key: UInt32
    ) -> Int {
        let wide = UInt64(key) | UInt64(key) &<< 32
        var index = skipASCII(base, from: start, to: end, key)
        while index &+ 4 <= end {
            let turned = UInt32(truncatingIfNeeded: wide &>> (UInt64(truncatingIfNeeded: index & 3) &* 8))
            // The first byte is the lowest.
            let word = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt32.self)) ^ turned
            let found = word & 0x8080_8080
            if found == 0 {
                index = skipASCII(base, from: index &+ 4, to: end, key)
            } else if found & 0x80 == 0 {
                index &+= found.trailingZeroBitCount &>> 3
            } else if word & 0xC0E0 == 0x80C0, word & 0x1E != 0 {
                index &+= 2
            } else if word & 0xC0_C0F0 == 0x80_80E0, word & 0x200F != 0, word & 0x200F != 0x200D {
                index &+= 3
            } else if word & 0xC0C0_C0F8 == 0x8080_80F0 {
                let plane = (word & 0x07) &<< 2 | (word &>> 12) & 0x03
                guard plane >= 0x1 && plane <= 0x10 else { return index }
                index &+= 4
            } else {
                return index
            }
        }
        return index
    }
}
