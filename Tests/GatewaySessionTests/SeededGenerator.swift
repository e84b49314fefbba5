/// Draws the same numbers for the same seed, so that a failure can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// Text of so many bytes that compresses some, with characters of one to four bytes.
func sampleText(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    let words = ["lorem ", "ipsum ", "{\"id\":", "0123456789", "Ω≈ç√", "😀", "ß"].map { Array($0.utf8) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 32)
    while bytes.count < count {
        if generator.chance(20) {
            bytes.append(UInt8.random(in: 0x20...0x7E, using: &generator))
        } else {
            let word = words[Int.random(in: 0..<words.count, using: &generator)]
            if bytes.count + word.count <= count { bytes += word } else { bytes.append(0x2E) }
        }
    }
    return bytes
}
