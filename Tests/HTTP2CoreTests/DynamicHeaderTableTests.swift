import Testing

@testable import HTTP2Core

@Suite("The dynamic table (RFC 7541 §2.3.2, §4)")
struct DynamicHeaderTableTests {
    static func entry(_ name: String, _ value: String) -> HeaderTableEntry {
        HeaderTableEntry(name: name.utf8, value: value.utf8)
    }

    @Test("the newest comes first, and the size counts 32 for each (§4.1)")
    func order() {
        var table = DynamicHeaderTable(capacity: 100)
        table.add(Self.entry("a", "bc"))
        table.add(Self.entry("d", ""))
        #expect(table.fields == [HeaderField("d", ""), HeaderField("a", "bc")])
        #expect(table.size == 35 + 33)
        #expect(table[2] == nil && table[-1] == nil)
    }

    @Test("bytes that are not UTF-8 count as many as they are")
    func bytes() {
        var table = DynamicHeaderTable(capacity: 100)
        table.add(HeaderTableEntry(name: [120], value: [0xE9, 0xFF]))
        #expect(table.size == 35)
        #expect(table.fields == [HeaderField([120], [0xE9, 0xFF])])
    }

    /// Entries of 40 bytes each in a table of that many: how many stay of three.
    static let evictions: [(Int, Int)] = [(0, 0), (39, 0), (40, 1), (79, 1), (80, 2), (119, 2), (120, 3), (4096, 3)]

    @Test("the oldest go when there is no room (§4.4)", arguments: evictions)
    func eviction(capacity: Int, left: Int) {
        var table = DynamicHeaderTable(capacity: capacity)
        for number in 1...3 { table.add(Self.entry("name\(number)", "xyz")) }
        #expect(table.fields == [3, 2, 1].prefix(left).map { HeaderField("name\($0)", "xyz") })
        #expect(table.size == 40 * left)
    }

    @Test("the oldest go when the table gets smaller (§4.3)", arguments: evictions)
    func resize(capacity: Int, left: Int) {
        var table = DynamicHeaderTable(capacity: 4096)
        for number in 1...3 { table.add(Self.entry("name\(number)", "xyz")) }
        table.capacity = capacity
        #expect(table.fields == [3, 2, 1].prefix(left).map { HeaderField("name\($0)", "xyz") })
        table.capacity = 4096
        #expect(table.count == left)
    }

    @Test("a field larger than the table empties it, and is no error (§4.4)")
    func tooLarge() {
        var table = DynamicHeaderTable(capacity: 80)
        table.add(Self.entry("name1", "xyz"))
        table.add(Self.entry("x", String(repeating: "y", count: 48)))
        #expect(table.count == 0 && table.size == 0)
    }
}
