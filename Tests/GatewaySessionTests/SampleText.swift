import TestSupport

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
