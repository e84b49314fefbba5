import NIOCore
import NIOHPACK
import TestSupport
import Testing

@testable import HTTP2Core

@Suite("Header blocks, written and read again (RFC 7541)")
struct HeaderEncoderTests {
    @Test("values that are not UTF-8 go out as they are, in their order")
    func bytes() throws {
        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder(maxListSize: 65_536)
        for count in [1, 126, 127, 128, 254, 255, 5000] {
            let value = [UInt8](repeating: 0xE9, count: count)
            var headers = OutgoingHeaders()
            headers.add(name: ":method", value: "GET")
            headers.add(name: "x", bytes: value, indexing: .indexable)
            headers.add(name: "x", value: "é")
            headers.add(name: "cookie", bytes: value, indexing: .neverIndexed)
            headers.add(name: "x", value: "last")
            let block = try encoder.encode(headers)
            #expect(
                try decoder.decode(block).fields == [
                    HeaderField(":method", "GET"), HeaderField("x".utf8, value), HeaderField("x", "é"),
                    HeaderField("cookie".utf8, value), HeaderField("x", "last"),
                ])
        }
        #expect(decoder.table.fields == [HeaderField("x", "last"), HeaderField("x", "é")])
    }

    @Test("a secret is never indexed (§7.1.3), another literal is not indexed here (§6.2.2)")
    func literals() throws {
        var encoder = HeaderEncoder()
        for (indexing, first) in [(HPACKIndexing.neverIndexed, UInt8(0x10)), (.nonIndexable, 0), (.indexable, 0)] {
            var headers = OutgoingHeaders()
            headers.add(name: "xy", bytes: [0xE9], indexing: indexing)
            #expect(try encoder.encode(headers) == ByteBuffer(bytes: [first, 2, 120, 121, 1, 0xE9]))
        }
    }

    @Test("a change of the table's size stands first, once (§4.2)")
    func sizeUpdate() throws {
        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder(maxListSize: 4096)
        var headers = OutgoingHeaders()
        headers.add(name: "a", value: "b")
        headers.add(name: "x", bytes: [0xE9], indexing: .indexable)
        headers.add(name: "c", value: "d")
        try encoder.setTableSize(0)
        try encoder.setTableSize(100)
        for _ in 0..<3 {
            #expect(try decoder.decode(encoder.encode(headers)).count == 3)
            #expect(decoder.table.capacity == 100)
        }
        try encoder.setTableSize(.max)
        #expect(try decoder.decode(encoder.encode(headers)).count == 3)
        #expect(decoder.table.capacity == 4096, "never more than is of use")
    }

    /// Names and values that come again, so that both tables and evictions are in use.
    private static func randomList(_ generator: inout SeededGenerator) -> [(String, [UInt8], HPACKIndexing)] {
        (0..<Int.random(in: 0..<12, using: &generator)).map { _ in
            let name = ["x", "cookie", ":path", "accept-language", "x-a-name-that-is-long"].randomElement(
                using: &generator)
            let isText = generator.chance(60)
            let most = [2, 30, 900].randomElement(using: &generator) ?? 2
            let count = Int.random(in: 0...most, using: &generator)
            let value =
                isText
                ? Array(
                    String(repeating: ["a", "é", "~", "Z9"].randomElement(using: &generator) ?? "", count: count).utf8)
                : generator.bytes(count)
            let indexing = [HPACKIndexing.indexable, .indexable, .nonIndexable, .neverIndexed].randomElement(
                using: &generator)
            return (name ?? "x", value, indexing ?? .indexable)
        }
    }

    @Test("random lists through both, the table in step all the while", arguments: 0..<20)
    func random(run: Int) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder(maxListSize: 1 << 20)
        for number in 0..<100 {
            let list = Self.randomList(&generator)
            var headers = OutgoingHeaders()
            for (name, value, indexing) in list {
                if let text = String(validating: value, as: UTF8.self) {
                    headers.add(name: name, value: text, indexing: indexing)
                } else {
                    headers.add(name: name, bytes: value, indexing: indexing)
                }
            }
            if generator.chance(10) { try encoder.setTableSize(UInt32.random(in: 0...5000, using: &generator)) }
            let read = try decoder.decode(encoder.encode(headers))
            #expect(
                read.fields == list.map { HeaderField($0.0.utf8, $0.1) }, "list \(number) with seed \(seed)")
        }
    }
}
