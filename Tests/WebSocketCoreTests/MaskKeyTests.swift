import TestSupport
import Testing
import WebSocketCore

@Suite("Masking (RFC 6455 §5.3)")
struct MaskKeyTests {
    static let key = MaskKey(raw: UInt32(bigEndian: 0x37FA_213D))
    static let keyBytes: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    @Test("turns \"Hello\" into the bytes of §5.7 and back")
    func hello() {
        var bytes = Array("Hello".utf8)
        bytes.withUnsafeMutableBytes { Self.key.apply(to: $0, offset: 0) }
        #expect(Bytes(bytes) == "7f 9f 4d 51 58")
        bytes.withUnsafeMutableBytes { Self.key.apply(to: $0, offset: 0) }
        #expect(bytes == Array("Hello".utf8))
    }

    @Test("uses octet i modulo 4 of the key, at every offset, length and alignment", arguments: 0...9)
    func everyOffset(offset: Int) {
        for length in 0...41 {
            for alignment in 0..<8 {
                let original = (0..<(length + alignment)).map { UInt8(truncatingIfNeeded: $0 &* 37) }
                var bytes = original
                bytes.withUnsafeMutableBytes {
                    Self.key.apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[alignment...]), offset: offset)
                }
                let expected =
                    original.prefix(alignment)
                    + original.dropFirst(alignment).enumerated().map { index, byte in
                        byte ^ Self.keyBytes[(index + offset) % 4]
                    }
                #expect(bytes == Array(expected), "length \(length), alignment \(alignment)")
            }
        }
    }

    @Test("of a payload in pieces is that of the whole")
    func pieces() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let whole = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        var expected = whole
        expected.withUnsafeMutableBytes { Self.key.apply(to: $0, offset: 0) }
        var bytes = whole
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + Int.random(in: 1...50, using: &generator))
            bytes.withUnsafeMutableBytes {
                Self.key.apply(to: UnsafeMutableRawBufferPointer(rebasing: $0[position..<end]), offset: position)
            }
            position = end
        }
        #expect(bytes == expected, "seed \(seed)")
    }

    @Test(
        "key turns with the offset",
        arguments: [(0, 0x37FA_213D), (1, 0xFA21_3D37), (2, 0x213D_37FA), (3, 0x3D37_FA21), (4, 0x37FA_213D)]
            as [(Int, UInt32)])
    func rotated(offset: Int, key: UInt32) {
        #expect(Self.key.rotated(by: offset) == MaskKey(raw: UInt32(bigEndian: key)))
    }
}
