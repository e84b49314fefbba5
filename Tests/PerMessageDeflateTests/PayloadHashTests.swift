import TestSupport
import Testing

@testable import PerMessageDeflate

@Suite("The hash of a message")
struct PayloadHashTests {
    private func hash(_ bytes: [UInt8], seed: UInt64 = 1) -> UInt64 {
        bytes.withUnsafeBytes { PayloadHash.of($0, seed: seed) }
    }

    @Test("is the same for equal bytes wherever they lie, and another for every other seed and length")
    func depends() {
        var generator = SeededGenerator(seed: 1)
        let noise = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for count in 0...130 {
            let bytes = Array(noise.prefix(count))
            let moved = ([1, 2, 3] + bytes).withUnsafeBytes {
                PayloadHash.of(UnsafeRawBufferPointer(rebasing: $0[3...]), seed: 1)
            }
            #expect(hash(bytes) == moved)
            #expect(hash(bytes) != hash(bytes, seed: 2))
            #expect(hash(bytes) != hash(Array(noise.prefix(count + 1))))
            #expect(hash([UInt8](repeating: 0, count: count)) != hash([UInt8](repeating: 0, count: count + 1)))
        }
    }

    @Test("is another when any bit is", arguments: [1, 7, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 130])
    func everyBit(count: Int) {
        let bytes = [UInt8](repeating: 0x55, count: count)
        var seen: Set<UInt64> = [hash(bytes)]
        for bit in 0..<(count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(seen.insert(hash(changed)).inserted, "bit \(bit)")
        }
    }
}
