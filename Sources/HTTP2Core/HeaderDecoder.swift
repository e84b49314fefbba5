import NIOCore

/// Reads header blocks (RFC 7541): bytes in, names and values as bytes out.
///
/// The table counts the very bytes that came, so that it stays in step with the peer's whatever values are made of.
/// What a block can cost is bounded by its own size and by the size of the list, at which reading stops.
struct HeaderDecoder: Sendable {
    /// Bytes of a list, with 32 for each field, that are read: 1 or more.
    let maxListSize: Int
    /// SETTINGS_HEADER_TABLE_SIZE as the peer knows it. Once it is less than what the peer's table takes up, the next
    /// block has to begin by saying that the table is smaller (§4.2).
    var tableSizeLimit: Int {
        didSet { expectsSizeUpdate = tableSizeLimit < table.capacity }
    }
    private var expectsSizeUpdate = false
    private(set) var table: DynamicHeaderTable

    init(tableSizeLimit: Int = Int(HTTP2Settings().headerTableSize), maxListSize: Int) {
        self.tableSizeLimit = tableSizeLimit
        self.maxListSize = maxListSize
        table = DynamicHeaderTable(capacity: tableSizeLimit)
    }

    /// Reads a whole block.
    ///
    /// - Throws: `HeaderBlockError`; no other block can be read then.
    mutating func decode(_ block: ByteBuffer) throws(HeaderBlockError) -> HeaderList {
        // Typed errors don't come out of a buffer's closures.
        try block.withUnsafeReadableBytes { bytes in
            Result { () throws(HeaderBlockError) in try decode(bytes) }
        }.get()
    }

    private mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(HeaderBlockError) -> HeaderList {
        var reader = HeaderBlockReader(bytes)
        try readSizeUpdates(&reader)
        var list = HeaderList()
        // Most lists fit: a peer's first byte should not cost more than some of these.
        list.reserve(bytes: min(max(2 * bytes.count, 256), maxListSize, 2048), fields: 16)
        while let first = reader.next {
            if first & 0x80 != 0 {
                try readIndexed(&reader, &list)
            } else if first & 0x40 != 0 {
                try readLiteral(&reader, prefix: 6, &list)
                if list.size <= maxListSize, let entry = list.last { table.add(entry) }
            } else if first & 0x20 != 0 {
                throw .malformed("a table size update stands after a field, expected at the beginning of the block")
            } else {
                // With or without the bit that says "never indexed": nothing is indexed here on its way.
                try readLiteral(&reader, prefix: 4, &list)
            }
            guard list.size <= maxListSize else { throw .listTooLarge }
        }
        return list
    }

    /// Dynamic table size updates (§6.3): before the first field, and two at most (§4.2).
    private mutating func readSizeUpdates(_ reader: inout HeaderBlockReader) throws(HeaderBlockError) {
        var count = 0
        while let first = reader.next, first & 0xE0 == 0x20 {
            count += 1
            guard count <= 2 else { throw .malformed("more than two table size updates, expected at most two") }
            let size = try reader.integer(prefix: 5)
            guard size <= tableSizeLimit else {
                throw .malformed("a table size update to \(size) bytes, limit \(tableSizeLimit)")
            }
            table.capacity = size
            expectsSizeUpdate = false
        }
        guard !expectsSizeUpdate else {
            throw .malformed("no table size update, expected one to at most \(tableSizeLimit) bytes")
        }
    }

    /// An indexed field (§6.1).
    private func readIndexed(_ reader: inout HeaderBlockReader, _ list: inout HeaderList) throws(HeaderBlockError) {
        list.add(try entry(at: try reader.integer(prefix: 7)))
    }

    /// A literal field, its name in a table or behind it (§6.2).
    private func readLiteral(
        _ reader: inout HeaderBlockReader, prefix: Int, _ list: inout HeaderList
    ) throws(HeaderBlockError) {
        let index = try reader.integer(prefix: prefix)
        let nameCount: Int
        if index == 0 {
            nameCount = try reader.string(into: &list)
        } else {
            let entry = try entry(at: index)
            nameCount = entry.nameCount
            list.append(entry.bytes[..<nameCount])
        }
        guard nameCount > 0 else { throw .malformed("a field's name is empty") }
        _ = try reader.string(into: &list)
        list.endField(nameCount: nameCount)
    }

    /// The entry of a table, both with one count (§2.3.3).
    private func entry(at index: Int) throws(HeaderBlockError) -> HeaderTableEntry {
        if index > 0, index <= StaticHeaderTable.count { return StaticHeaderTable[index] }
        guard index > 0, let entry = table[index - StaticHeaderTable.count - 1] else {
            throw .malformed("index \(index), expected 1 to \(StaticHeaderTable.count + table.count)")
        }
        return entry
    }
}
