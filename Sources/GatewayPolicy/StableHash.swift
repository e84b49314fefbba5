/// FNV-1a of 64 bits, mixed: the same in every process and instance, which Swift's own hashing is not. Whoever chooses
/// the bytes can choose the hash.
struct StableHash {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    var value: UInt64 { Self.mixed(state) }

    /// Each bit of the result depends on each bit of `bits` (the finaliser of SplitMix64).
    static func mixed(_ bits: UInt64) -> UInt64 {
        var bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}

/// A random sequence that its seed determines: fair, and not for secrets.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return StableHash.mixed(state)
    }
}
