import Testing

@testable import HTTP2Core

@Suite("Integers and strings of header blocks (RFC 7541 §5)")
struct HeaderBlockReaderTests {
    /// Bits of the prefix, bytes, what they say; nil: refused.
    static let integers: [(Int, [UInt8], Int?)] = [
        // Appendix C.1
        (5, [0x0A], 10), (5, [0xEA], 10), (5, [0x1F, 0x9A, 0x0A], 1337),
        (5, [0], 0), (5, [30], 30), (5, [31, 0], 31), (5, [31, 1], 32), (7, [126], 126), (7, [127, 0], 127),
        (7, [0xFF, 0x80, 0x01], 255), (6, [0x3F, 0], 63), (4, [0x0F, 0x70], 127),
        // Zeros that say nothing
        (5, [31, 0x80, 0], 31), (5, [31, 0x80, 0x80, 0x80, 0x80, 0], 31),
        // 2^32 - 1, and the most that is read
        (5, [31, 0xE0, 0xFF, 0xFF, 0xFF, 0x0F], 4_294_967_295), (7, [127, 255, 255, 255, 255, 127], 34_359_738_494),
        // Cut
        (5, [], nil), (5, [31], nil), (5, [31, 0x80], nil), (7, [127, 255, 255, 255, 255], nil),
        // Too long, with and without a value
        (5, [31, 0x80, 0x80, 0x80, 0x80, 0x80, 0], nil),
        (5, [31, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80], nil),
        (5, [31, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], nil),
    ]

    @Test("an integer (§5.1)", arguments: integers)
    func integer(prefix: Int, bytes: [UInt8], value: Int?) {
        bytes.withUnsafeBytes {
            var reader = HeaderBlockReader($0)
            #expect((try? reader.integer(prefix: prefix)) == value)
            if value != nil { #expect(reader.isAtEnd) }
        }
        guard value != nil else { return }
        (bytes + [0x55]).withUnsafeBytes {
            var reader = HeaderBlockReader($0)
            #expect((try? reader.integer(prefix: prefix)) == value)
            #expect(reader.next == 0x55, "what follows stays")
        }
    }

    static let strings: [([UInt8], [UInt8]?)] = [
        ([0], []), ([0x80], []), ([1, 0xE9], [0xE9]), ([3, 0, 10, 255], [0, 10, 255]),
        ([0x86, 0xA8, 0xEB, 0x10, 0x64, 0x9C, 0xBF], Array("no-cache".utf8)),
        ([127, 1] + [UInt8](repeating: 7, count: 128), [UInt8](repeating: 7, count: 128)),
        ([], nil), ([1], nil), ([2, 120], nil), ([127, 255, 255, 255, 255, 127, 1], nil), ([0x82, 0xA8], nil),
        ([0x81, 0xFF], nil),
    ]

    @Test("a string (§5.2)", arguments: strings)
    func string(bytes: [UInt8], value: [UInt8]?) {
        bytes.withUnsafeBytes {
            var reader = HeaderBlockReader($0)
            var list = HeaderList()
            #expect((try? reader.string(into: &list)) == value?.count)
            guard let value else { return }
            list.endField(nameCount: 0)
            #expect(list.fields == [HeaderField([], value)])
            #expect(reader.isAtEnd)
        }
    }
}
