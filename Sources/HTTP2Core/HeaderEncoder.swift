import NIOCore
import NIOHPACK

/// A header list on its way out, in its order.
struct OutgoingHeaders {
    enum Run {
        case text(HPACKHeaders)
        /// A value that is not UTF-8. Its name is a token in lower case.
        case bytes(name: String, value: [UInt8], isSecret: Bool)
    }

    private(set) var runs: [Run] = []

    mutating func add(name: String, value: String, indexing: HPACKIndexing = .indexable) {
        if case .text(var fields)? = runs.last {
            // Taken out while it grows, so that it has one owner.
            runs.removeLast()
            fields.add(name: name, value: value, indexing: indexing)
            runs.append(.text(fields))
        } else {
            var fields = HPACKHeaders()
            fields.add(name: name, value: value, indexing: indexing)
            runs.append(.text(fields))
        }
    }

    mutating func add(name: String, bytes: [UInt8], indexing: HPACKIndexing) {
        runs.append(.bytes(name: name, value: bytes, isSecret: indexing == .neverIndexed))
    }
}

/// Writes header blocks: with NIOHPACK what is text, and in a few lines of its own the values that are not.
struct HeaderEncoder {
    private var encoder = HPACKEncoder(allocator: ByteBufferAllocator())

    /// Bytes of the table that header fields are compressed with, whatever the peer would allow.
    private static let maxTableSize = HPACKEncoder.defaultDynamicTableSize

    /// What the peer allows for the table; the next block tells it what was made of that (RFC 7541 §4.2).
    mutating func setTableSize(_ size: UInt32) throws {
        try encoder.setDynamicTableSize(min(Int(size), Self.maxTableSize))
    }

    mutating func encode(_ headers: OutgoingHeaders) throws -> ByteBuffer {
        var block = ByteBuffer()
        // A size update has to come first, and is NIOHPACK's to write.
        if case .bytes? = headers.runs.first { try encoder.encode(headers: HPACKHeaders(), to: &block) }
        for run in headers.runs {
            switch run {
            case .text(let fields): try encoder.encode(headers: fields, to: &block)
            case .bytes(let name, let value, let isSecret):
                Self.write(name: name, value: value, isSecret: isSecret, to: &block)
            }
        }
        return block
    }

    /// A literal with a new name, never indexed when it is a secret, otherwise without indexing (RFC 7541 §6.2.2,
    /// §6.2.3): NIOHPACK's table of strings could not hold it.
    private static func write(name: String, value: [UInt8], isSecret: Bool, to block: inout ByteBuffer) {
        block.writeInteger(isSecret ? 0x10 : 0x00, as: UInt8.self)
        write(name.utf8, to: &block)
        write(value, to: &block)
    }

    /// A string without Huffman codes (RFC 7541 §5.1, §5.2).
    private static func write(_ bytes: some Collection<UInt8>, to block: inout ByteBuffer) {
        var rest = bytes.count
        if rest < 127 {
            block.writeInteger(UInt8(rest))
        } else {
            block.writeInteger(127, as: UInt8.self)
            rest -= 127
            while rest >= 128 {
                block.writeInteger(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            block.writeInteger(UInt8(rest))
        }
        block.writeBytes(bytes)
    }
}
