import TestSupport
import Testing
import WebSocketCore

@Suite("UTF-8 of text messages (RFC 6455 §8.1, RFC 3629)")
struct UTF8ValidatorTests {
    static let valid: [Bytes] = [
        "",
        Bytes("Hello-µ@ßöäüàá-UTF-8!!".utf8),
        "ce ba e1 bd b9 cf 83 ce bc ce b5",  // κόσμε
        Bytes("日本語テキスト、かなり長い文字列です。".utf8),
        Bytes("🙂🙃 and plain letters behind 🙂".utf8),
        Bytes(String(repeating: "only ASCII, in words of eight ", count: 5).utf8),
        // First and last of each length
        "00", "7f", "c2 80", "df bf", "e0 a0 80", "ef bf bf", "f0 90 80 80", "f4 8f bf bf",
        // Around the surrogates, and noncharacters, which are characters here
        "ed 9f bf", "ee 80 80", "ef bf bd", "ef bf be", "ef b7 90", "f0 9f bf be", "ef bb bf",
        "ec bf bf", "f1 80 80 80", "f3 bf bf bf", "e1 80 80",
    ]

    /// Bytes, and how many of them are the start of some text.
    static let invalid: [(Bytes, Int)] = [
        ("80", 0), ("bf", 0), ("c0", 0), ("c1", 0), ("f5", 0), ("f8", 0), ("fc", 0), ("fe", 0), ("ff", 0),
        // Overlong: refused at the second byte
        ("c0 af", 0), ("e0 80 af", 1), ("e0 9f bf", 1), ("f0 80 80 af", 1), ("f0 8f bf bf", 1),
        ("f8 80 80 80 af", 0), ("fc 80 80 80 80 af", 0), ("c0 80", 0), ("e0 80 80", 1),
        // Surrogates
        ("ed a0 80", 1), ("ed af bf", 1), ("ed b0 80", 1), ("ed bf bf", 1), ("ed a0 80 ed b0 80", 1),
        // Above U+10FFFF
        ("f4 90 80 80", 1), ("f4 bf bf bf", 1), ("f5 80 80 80", 0), ("f7 bf bf bf", 0),
        // Sequences broken off
        ("c2 41", 1), ("e1 80 41", 2), ("e1 c2 80", 1), ("f1 80 80 41", 3), ("f1 80 c2 80", 2),
        // The example of Autobahn 6.4: good text, then a bad second byte
        ("ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64 69 74 65 64", 12),
        ("ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64", 12),
        (Bytes(Array(repeating: 0x61, count: 45) + [0x80]), 45),
        (Bytes(Array(repeating: 0x61, count: 8) + [0xFF, 0x61, 0x61]), 8),
    ]

    static let masks: [MaskKey?] = [nil, MaskKey(raw: 0), MaskKey(raw: 0xFFFF_FFFF), MaskKey(raw: 0x3D21_FA37)]

    @Test("is text, however it is split, and masked at every offset", arguments: valid)
    func accept(text: Bytes) {
        for mask in Self.masks {
            for offset in 0..<5 {
                for split in 0...text.values.count {
                    var validator = UTF8Validator()
                    let isValid = Self.feed(&validator, text.values, split: [split], mask, offset)
                    #expect(isValid && validator.isAtBoundary, "split at \(split), offset \(offset)")
                    #expect(validator == UTF8Validator())
                }
            }
        }
    }

    @Test("is refused, however it is split, and masked at every offset", arguments: invalid)
    func refuse(text: Bytes, _: Int) {
        for mask in Self.masks {
            for offset in 0..<5 {
                for split in 0...text.values.count {
                    var validator = UTF8Validator()
                    let isValid = Self.feed(&validator, text.values, split: [split], mask, offset)
                    #expect(!isValid, "split at \(split), offset \(offset)")
                    #expect(!validator.isAtBoundary)
                }
            }
        }
    }

    @Test("fails at the first byte that cannot be right, and from then on", arguments: invalid)
    func early(text: Bytes, good: Int) {
        var validator = UTF8Validator()
        let verdicts = text.values.prefix(good + 1).map { Self.consume(&validator, [$0]) }
        #expect(verdicts == Array(repeating: true, count: good) + [false])
        let afterwards = [Self.consume(&validator, [0x61]), Self.consume(&validator, [])]
        #expect(afterwards == [false, false])
        validator.reset()
        let afresh = Self.consume(&validator, [0x61])
        #expect(afresh)
    }

    @Test("may not end inside a sequence", arguments: ["c3", "e2 82", "f0 9f 99", "61 62 e2"] as [Bytes])
    func unfinished(text: Bytes) {
        var validator = UTF8Validator()
        let isValid = Self.consume(&validator, text.values)
        #expect(isValid)
        #expect(!validator.isAtBoundary)
    }

    @Test("is every sequence of four bytes that the standard library takes, and no other")
    func agreesWithStandardLibrary() {
        // Every first byte that is not ASCII and every second byte, with third and fourth bytes at the edges.
        let edges: [UInt8] = [0x7F, 0x80, 0xBF, 0xC0]
        var disagreements: [[UInt8]] = []
        for first in UInt8(0x80)...UInt8.max {
            for second in UInt8.min...UInt8.max {
                for third in edges {
                    for fourth in edges {
                        let bytes = [first, second, third, fourth]
                        var validator = UTF8Validator()
                        let isValid =
                            bytes.withUnsafeBytes { validator.consume($0, mask: nil, offset: 0) }
                            && validator.isAtBoundary
                        if isValid != (String(validating: bytes, as: UTF8.self) != nil) { disagreements.append(bytes) }
                    }
                }
            }
        }
        #expect(disagreements.isEmpty)
    }

    @Test("is judged the same in random pieces")
    func pieces() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let scalars: [Unicode.Scalar] = ["a", "é", "語", "🙂", " ", "z"]
        for _ in 0..<200 {
            var bytes = (0..<Int.random(in: 1...120, using: &generator)).flatMap { _ in
                Array(String(scalars[Int.random(in: 0..<scalars.count, using: &generator)]).utf8)
            }
            if Bool.random(using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let splits = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
            let mask = MaskKey(raw: UInt32.random(in: 0...UInt32.max, using: &generator))
            var validator = UTF8Validator()
            let isValid = Self.feed(&validator, bytes, split: splits, mask, 3) && validator.isAtBoundary
            #expect(isValid == (String(validating: bytes, as: UTF8.self) != nil), "seed \(seed), \(Bytes(bytes))")
        }
    }

    private static func consume(_ validator: inout UTF8Validator, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { validator.consume($0, mask: nil, offset: 0) }
    }

    /// Masks as a client would, and hands over in pieces.
    private static func feed(
        _ validator: inout UTF8Validator, _ text: [UInt8], split: [Int], _ mask: MaskKey?, _ offset: Int
    ) -> Bool {
        var bytes = text
        if let mask { bytes.withUnsafeMutableBytes { mask.apply(to: $0, offset: offset) } }
        var start = 0
        var isValid = true
        for end in split + [bytes.count] {
            isValid = bytes.withUnsafeBytes {
                validator.consume(UnsafeRawBufferPointer(rebasing: $0[start..<end]), mask: mask, offset: offset + start)
            }
            start = end
        }
        return isValid
    }
}
