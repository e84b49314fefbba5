import NIOCore
import NIOHPACK
import TestSupport
import Testing

@testable import HTTP2Core

@Suite("Huffman codes (RFC 7541 §5.2, appendix B)")
struct HuffmanCodeTests {
    static func decode(_ bytes: [UInt8]) throws(HuffmanCode.Failure) -> [UInt8] {
        let most = HuffmanCode.mostBytes(in: bytes.count)
        var output = [UInt8](repeating: 0, count: most)
        let count = try output.withUnsafeMutableBytes { output in
            bytes.withUnsafeBytes { input in
                Result { () throws(HuffmanCode.Failure) in try HuffmanCode.hpack.decode(input, into: output) }
            }
        }.get()
        return Array(output[..<count])
    }

    static let examples: [(String, String)] = [
        ("", ""), ("f1e3 c2e5 f23a 6ba0 ab90 f4ff", "www.example.com"), ("a8eb 1064 9cbf", "no-cache"),
        ("25a8 49e9 5ba9 7d7f", "custom-key"), ("25a8 49e9 5bb8 e8b4 bf", "custom-value"), ("6402", "302"),
        ("aec3 771a 4b", "private"), ("640e ff", "307"), ("9bd9 ab", "gzip"),
        ("d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"),
        (
            "94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 "
                + "3d50 07", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
        ),
    ]

    @Test("the examples of appendix C", arguments: examples)
    func example(codes: String, text: String) throws {
        #expect(try Self.decode(Bytes(hexadecimal: codes).values) == Array(text.utf8))
    }

    /// Codes as appendix B prints them, one of each length and those around the changes of length.
    static let codes: [(UInt8, String)] = [
        (0x30, "00000"), (0x74, "01001"), (0x20, "010100"), (0x75, "101101"), (0x3A, "1011100"), (0x7A, "1111011"),
        (0x26, "11111000"), (0x5A, "11111101"), (0x21, "1111111000"), (0x3F, "1111111100"), (0x27, "11111111010"),
        (0x7C, "11111111100"), (0x23, "111111111010"), (0x3E, "111111111011"), (0x00, "1111111111000"),
        (0x7E, "1111111111101"), (0x5E, "11111111111100"), (0x7D, "11111111111101"), (0x3C, "111111111111100"),
        (0x60, "111111111111101"), (0x7B, "111111111111110"), (0x5C, "1111111111111110000"),
        (0xD0, "1111111111111110010"),
        (0x80, "11111111111111100110"), (0xFF, "11111111111111111111101110"), (0x0A, "111111111111111111111111111100"),
        (0x16, "111111111111111111111111111110"),
    ]

    @Test("the codes of appendix B, alone and between others", arguments: codes)
    func code(symbol: UInt8, bits: String) throws {
        #expect(try Self.decode(Self.packed(bits)) == [symbol])
        #expect(try Self.decode(Self.packed("00011" + bits + bits + "00011")) == [97, symbol, symbol, 97])
    }

    /// Bits as bytes, ones behind them.
    static func packed(_ bits: String) -> [UInt8] {
        let digits = bits.map { UInt8($0 == "1" ? 1 : 0) }
        return stride(from: 0, to: digits.count, by: 8).map { start in
            (start..<(start + 8)).reduce(0) { $0 << 1 | ($1 < digits.count ? digits[$1] : 1) }
        }
    }

    @Test("every byte, and every pair, as another implementation writes them")
    func everyByte() throws {
        // NIOHPACK takes text alone, whose bytes are of all kinds but those that UTF-8 never has.
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        let letters = (0..<0x800).compactMap { Unicode.Scalar(UInt32($0)).map { String(Character($0)) } }
        for first in letters {
            for second in ["a", "0", "~", "\u{80}", "\u{7FF}", first] {
                let text = first + second
                var block = ByteBuffer()
                try encoder.encode(headers: ["x": text], to: &block)
                var decoder = HeaderDecoder(maxListSize: 1000)
                encoder = HPACKEncoder(allocator: ByteBufferAllocator())
                #expect(try decoder.decode(block).fields == [HeaderField("x", text)])
            }
        }
    }

    static let wrong: [(String, String, HuffmanCode.Failure)] = [
        ("zeros behind a symbol", "00011000", .padding), ("one zero among the ones", "00011110", .padding),
        ("eight ones behind a symbol", "00011111" + "11111111", .padding),
        ("nothing but eight ones", "11111111", .padding),
        ("the beginning of a long code", "11111111" + "11100000", .padding),
        ("16 ones", "11111111" + "11111111", .padding),
        ("the end of a string", String(repeating: "1", count: 30), .endOfString),
        ("the end behind a symbol", "00011" + String(repeating: "1", count: 32), .endOfString),
        ("symbols behind the end", String(repeating: "1", count: 30) + "00011", .endOfString),
    ]

    @Test("what is no string", arguments: wrong)
    func noString(name: String, bits: String, expected: HuffmanCode.Failure) {
        #expect(throws: expected) { try Self.decode(Self.packed(bits)) }
    }

    @Test("up to seven ones pad, whatever stands before", arguments: 0..<8)
    func padding(zeros: Int) throws {
        // 5 bits each: 0, 1, 2 … of them end at each place of a byte.
        let text = [UInt8](repeating: 0x61, count: zeros)
        #expect(try Self.decode(Self.packed(String(repeating: "00011", count: zeros))) == text)
    }

    @Test("random bytes are a string or refused, never more than there is room for")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            let bytes = generator.bytes(Int.random(in: 0..<40, using: &generator))
            guard let text = try? Self.decode(bytes) else { continue }
            #expect(text.count <= HuffmanCode.mostBytes(in: bytes.count), "seed \(seed)")
        }
    }
}
