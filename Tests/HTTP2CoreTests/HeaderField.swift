@testable import HTTP2Core

/// A field of a header list, comparable: each byte is the character of that number, so that nothing gets lost.
struct HeaderField: Equatable, Sendable, CustomStringConvertible {
    var name: [UInt8]
    var value: [UInt8]

    init(_ name: String, _ value: String) {
        self.name = Array(name.utf8)
        self.value = Array(value.utf8)
    }

    init(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
        self.name = Array(name)
        self.value = Array(value)
    }

    init(_ entry: HeaderTableEntry) {
        self.init(entry.bytes.prefix(entry.nameCount), entry.bytes.dropFirst(entry.nameCount))
    }

    var description: String { "\(Self.text(name)): \(Self.text(value))" }

    /// Without indexing, without Huffman codes (RFC 7541 §6.2.2); `kind` chooses another representation of a literal.
    func literal(_ kind: UInt8 = 0) -> [UInt8] { [kind] + Fields.text(name) + Fields.text(value) }

    private static func text(_ bytes: [UInt8]) -> String {
        bytes.map { $0 >= 0x20 && $0 < 0x7F ? String(Character(Unicode.Scalar($0))) : "<\($0)>" }.joined()
    }
}

extension HeaderList {
    var fields: [HeaderField] {
        var fields: [HeaderField] = []
        forEach { fields.append(HeaderField($0, $1)) }
        return fields
    }
}

extension DynamicHeaderTable {
    /// Newest first.
    var fields: [HeaderField] { (0..<count).compactMap { self[$0].map { HeaderField($0) } } }
}
