import NIOCore
import TestSupport
import Testing

@testable import HTTP2Core

@Suite("Header blocks, read (RFC 7541)")
struct HeaderDecoderTests {
    struct Step: Sendable {
        var block: String
        var list: [(String, String)]
        /// Newest first.
        var table: [(String, String)]
        var size: Int
    }

    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var tableSize = 4096
        var steps: [Step]
    }

    static func expected(_ fields: [(String, String)]) -> [HeaderField] { fields.map { HeaderField($0.0, $0.1) } }

    private static let custom = [("custom-key", "custom-header")]
    private static let host = [(":authority", "www.example.com")]
    private static let cache = [("cache-control", "no-cache")]
    private static let customValue = [("custom-key", "custom-value")]
    private static let get = [(":method", "GET"), (":scheme", "http"), (":path", "/")] + host
    private static let last =
        [(":method", "GET"), (":scheme", "https"), (":path", "/index.html")] + host + customValue
    private static let redirect = [
        ("location", "https://www.example.com"), ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("cache-control", "private"), (":status", "302"),
    ]
    private static let later = [("date", "Mon, 21 Oct 2013 20:13:22 GMT")]
    private static let cookie = [("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1")]
    private static let gzip = [("content-encoding", "gzip")]

    private static func requests(_ name: String, _ blocks: [String]) -> Example {
        Example(
            testDescription: name,
            steps: [
                Step(block: blocks[0], list: get, table: host, size: 57),
                Step(block: blocks[1], list: get + cache, table: cache + host, size: 110),
                Step(block: blocks[2], list: last, table: customValue + cache + host, size: 164),
            ])
    }

    private static func responses(_ name: String, _ blocks: [String]) -> Example {
        let second = [(":status", "307")] + redirect.dropLast()
        return Example(
            testDescription: name, tableSize: 256,
            steps: [
                Step(block: blocks[0], list: redirect.reversed(), table: redirect, size: 222),
                Step(
                    block: blocks[1], list: [(":status", "307")] + redirect.dropLast().reversed(), table: second,
                    size: 222),
                Step(
                    block: blocks[2],
                    list: [(":status", "200"), redirect[2]] + later + [redirect[0]] + gzip + cookie,
                    table: cookie + gzip + later, size: 215),
            ])
    }

    static let examples: [Example] = [
        Example(
            testDescription: "C.2.1",
            steps: [
                Step(
                    block: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", list: custom,
                    table: custom, size: 55)
            ]),
        Example(
            testDescription: "C.2.2",
            steps: [
                Step(
                    block: "040c 2f73 616d 706c 652f 7061 7468", list: [(":path", "/sample/path")], table: [], size: 0)
            ]),
        Example(
            testDescription: "C.2.3",
            steps: [
                Step(
                    block: "1008 7061 7373 776f 7264 0673 6563 7265 74", list: [("password", "secret")], table: [],
                    size: 0)
            ]),
        Example(testDescription: "C.2.4", steps: [Step(block: "82", list: [(":method", "GET")], table: [], size: 0)]),
        requests(
            "C.3",
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ]),
        requests(
            "C.4",
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ]),
        responses(
            "C.5",
            [
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 "
                    + "3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "4803 3330 37c1 c0bf",
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 "
                    + "7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 "
                    + "2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
            ]),
        responses(
            "C.6",
            [
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad "
                    + "1718 63c7 8f0b 97c8 e9ae 82ae 43d3", "4883 640e ffc1 c0bf",
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 "
                    + "e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            ]),
    ]

    @Test("the examples of appendix C", arguments: examples)
    func appendixC(example: Example) throws {
        var decoder = HeaderDecoder(tableSizeLimit: example.tableSize, maxListSize: 4096)
        for step in example.steps {
            let block = ByteBuffer(bytes: Bytes(hexadecimal: step.block).values)
            #expect(try decoder.decode(block).fields == Self.expected(step.list))
            #expect(decoder.table.fields == Self.expected(step.table))
            #expect(decoder.table.size == step.size)
        }
    }

    @Test("the size of a list (RFC 9113 §6.5.2)")
    func listSize() throws {
        var decoder = HeaderDecoder(maxListSize: 4096)
        let list = try decoder.decode(ByteBuffer(bytes: [0x82, 0x84, 0, 1, 120, 2, 0xE9, 0xFF]))
        #expect(list.size == (7 + 3 + 32) + (5 + 1 + 32) + (1 + 2 + 32))
        #expect(list.count == 3)
    }

    /// Fields of all bytes, in every representation, read as they are.
    @Test("values are the bytes that came, in every representation (RFC 9110 §5.5)", arguments: [0x40, 0x00, 0x10])
    func bytes(kind: UInt8) throws {
        for value in [[0xE9], [0xC3], [0xFF, 0xFE], Array(0...255)] as [[UInt8]] {
            var decoder = HeaderDecoder(maxListSize: 4096)
            let field = HeaderField(Array("x".utf8), value)
            #expect(try decoder.decode(ByteBuffer(bytes: field.literal(kind))).fields == [field])
            // By a static name, too.
            let named = kind == 0x40 ? [UInt8(0x60)] : [kind | 15, 17]
            #expect(
                try decoder.decode(ByteBuffer(bytes: named + Fields.text(value))).fields == [
                    HeaderField(Array("cookie".utf8), value)
                ])
            guard kind == 0x40 else { continue }
            #expect(
                try decoder.decode(ByteBuffer(bytes: [0xBE, 0xBF])).fields == [
                    HeaderField(Array("cookie".utf8), value), field,
                ])
        }
    }

    @Test("a name of an entry that the same field puts out is still its name (§4.4)")
    func ownName() throws {
        var decoder = HeaderDecoder(tableSizeLimit: 64, maxListSize: 4096)
        let first = HeaderField("name", "value")
        _ = try decoder.decode(ByteBuffer(bytes: first.literal(0x40)))
        let list = try decoder.decode(ByteBuffer(bytes: [0x7E] + Fields.text(Array("other".utf8))))
        #expect(list.fields == [HeaderField("name", "other")])
        #expect(decoder.table.fields == list.fields)
    }

    static let malformed: [(String, [UInt8])] = [
        ("index 0", [0x80]), ("an index behind the static table, with an empty dynamic one", [0xBE]),
        ("an index far behind", [0xFF, 255, 255, 255, 127]), ("a name's index behind", [0x7F, 0, 1, 120]),
        ("a name's index behind, not indexed", [0x0F, 60, 1, 120]), ("a cut index", [0xFF]),
        ("an endless index", [0xFF] + [UInt8](repeating: 0x80, count: 20)),
        ("a literal without anything", [0x40]), ("a literal without a value", [0x40, 1, 120]),
        ("a cut name", [0x40, 5, 120]), ("a cut value", [0x40, 1, 120, 5, 121]), ("an empty name", [0x40, 0, 1, 121]),
        ("an empty name in Huffman codes", [0x40, 0x80, 1, 121]),
        ("a length of more than there can be", [0, 1, 120, 127, 255, 255, 255, 255, 127, 121]),
        ("codes with the end of a string", [0, 1, 120, 0x84, 255, 255, 255, 255]),
        ("codes padded with zeros", [0, 1, 120, 0x81, 0x18]),
        ("codes padded with a byte", [0, 1, 120, 0x82, 0x1F, 255]),
        ("a table larger than announced", [0x3F, 0xE2, 0x1F]), ("a table size behind a field", [0x82, 0x20]),
        ("three table sizes", [0x20, 0x20, 0x20]), ("a cut table size", [0x3F]),
        ("an endless table size", [0x3F] + [UInt8](repeating: 0xFF, count: 20)),
    ]

    @Test("a block that can't be read", arguments: malformed)
    func unreadable(name: String, block: [UInt8]) {
        var decoder = HeaderDecoder(maxListSize: 4096)
        #expect {
            try decoder.decode(ByteBuffer(bytes: block))
        } throws: { error in
            if case HeaderBlockError.malformed(let reason) = error { !reason.isEmpty } else { false }
        }
    }

    static let sizes: [(String, [UInt8], Int)] = [
        ("none", [0x82], 4096), ("to nothing", [0x20, 0x82], 0), ("to what was announced", [0x3F, 0xE1, 0x1F], 4096),
        ("to nothing and back", [0x20, 0x3F, 0xE1, 0x1F, 0x82], 4096), ("alone", [0x2A], 10),
    ]

    @Test("a size update in front of the fields (§6.3)", arguments: sizes)
    func sizeUpdate(name: String, block: [UInt8], capacity: Int) throws {
        var decoder = HeaderDecoder(maxListSize: 4096)
        _ = try decoder.decode(ByteBuffer(bytes: HeaderField("x", "y").literal(0x40)))
        _ = try decoder.decode(ByteBuffer(bytes: block))
        #expect(decoder.table.capacity == capacity)
        #expect(decoder.table.count == (name == "none" || name == "to what was announced" ? 1 : 0))
    }

    /// What a peer's next block begins with once it knows of a limit of 100 bytes.
    static let afterLimit: [(String, [UInt8], Bool)] = [
        ("nothing", [0x82], false), ("less", [0x3F, 0x31, 0x82], true), ("as much", [0x3F, 0x45, 0x82], true),
        ("more", [0x3F, 0x46, 0x82], false), ("less, then more", [0x20, 0x3F, 0x46], false),
    ]

    @Test("a smaller limit has to be followed in the next block (§4.2)", arguments: afterLimit)
    func smallerLimit(name: String, block: [UInt8], isRead: Bool) {
        var decoder = HeaderDecoder(maxListSize: 4096)
        decoder.tableSizeLimit = 100
        #expect(((try? decoder.decode(ByteBuffer(bytes: block))) != nil) == isRead)
    }

    @Test("a limit that the table is within already asks for nothing (§4.2)")
    func sameLimit() throws {
        var decoder = HeaderDecoder(maxListSize: 4096)
        _ = try decoder.decode(ByteBuffer(bytes: [0x3F, 0x31, 0x82]))
        decoder.tableSizeLimit = 100
        #expect(throws: Never.self) { try decoder.decode(ByteBuffer(bytes: [0x82])) }
    }

    @Test("reading stops where the list gets too large, whatever is left")
    func bomb() throws {
        let field = HeaderField(Array("x".utf8), [UInt8](repeating: 121, count: 3000))
        for (count, isRead) in [(1, true), (3, true), (4, false), (1_000_000, false)] {
            var decoder = HeaderDecoder(maxListSize: 3 * 3033)
            let block = field.literal(0x40) + [UInt8](repeating: 0xBE, count: count - 1)
            if isRead {
                #expect(try decoder.decode(ByteBuffer(bytes: block)).count == count)
            } else {
                #expect(throws: HeaderBlockError.listTooLarge) { try decoder.decode(ByteBuffer(bytes: block)) }
            }
        }
    }

    @Test("random blocks are read or refused, within the bounds of table and list")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            var decoder = HeaderDecoder(maxListSize: 2000)
            for _ in 0..<10 {
                let block = ByteBuffer(bytes: generator.bytes(Int.random(in: 0..<60, using: &generator)))
                guard let list = try? decoder.decode(block) else { break }
                #expect(list.size <= 2000 && decoder.table.size <= 4096, "seed \(seed)")
            }
        }
    }
}
