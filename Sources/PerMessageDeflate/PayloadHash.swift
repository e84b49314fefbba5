/// A fast hash of a message, by which equal messages find each other.
///
/// It does not withstand an attacker, and need not: who finds two messages with one hash makes the gateway compare them,
/// and compress both.
enum PayloadHash {
    private static let first: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let second: UInt64 = 0xD6E8_FEB8_6659_FD93

    /// Two lanes of two words each, multiplied to twice their width: 32 bytes for about six cycles.
    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        let count = bytes.count
        var left = seed ^ first
        var right = seed ^ UInt64(truncatingIfNeeded: count) &* second
        guard let base = bytes.baseAddress, count >= 16 else {
            for byte in bytes { left = mixed(left ^ UInt64(byte), second) }
            return mixed(left ^ first, right ^ second)
        }
        var index = 0
        while index &+ 32 <= count {
            left = mixed(word(base, index) ^ first, word(base, index &+ 8) ^ left)
            right = mixed(word(base, index &+ 16) ^ second, word(base, index &+ 24) ^ right)
            index &+= 32
        }
        if index &+ 16 <= count {
            left = mixed(word(base, index) ^ first, word(base, index &+ 8) ^ left)
        }
        // The last 16 bytes, some of which may have been read before.
        right = mixed(word(base, count &- 16) ^ second, word(base, count &- 8) ^ right)
        return mixed(left ^ first, right ^ second)
    }

    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
