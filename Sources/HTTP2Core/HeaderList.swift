/// A header list as it came: names and values are bytes (RFC 9110 §5.5), in one piece of memory.
struct HeaderList: Equatable, Sendable {
    /// What a field counts beside its bytes (RFC 7541 §4.1, RFC 9113 §6.5.2).
    static let overhead = 32

    private struct Extent: Equatable {
        var nameEnd: Int
        var valueEnd: Int
    }

    private var bytes: [UInt8] = []
    private var extents: [Extent] = []

    init() {}

    /// Fields.
    var count: Int { extents.count }

    /// Bytes of all names and values, with 32 for each field (RFC 9113 §6.5.2).
    var size: Int { bytes.count + extents.count * Self.overhead }

    /// Calls `body` with each name and value, in their order. The pointers are good for that call alone.
    func forEach<E: Error>(
        _ body: (_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) throws(E) -> Void
    ) throws(E) {
        try bytes.withUnsafeBufferPointer { bytes throws(E) in
            var start = 0
            for extent in extents {
                try body(
                    UnsafeBufferPointer(rebasing: bytes[start..<extent.nameEnd]),
                    UnsafeBufferPointer(rebasing: bytes[extent.nameEnd..<extent.valueEnd]))
                start = extent.valueEnd
            }
        }
    }

    // MARK: Putting together

    mutating func reserve(bytes count: Int, fields: Int) {
        bytes.reserveCapacity(count)
        extents.reserveCapacity(fields)
    }

    /// Adds a field of a table.
    mutating func add(_ entry: HeaderTableEntry) {
        let start = bytes.count
        bytes += entry.bytes
        extents.append(Extent(nameEnd: start + entry.nameCount, valueEnd: bytes.count))
    }

    /// The bytes in which the next field's name and value stand, one behind the other, until `endField`.
    mutating func append(_ piece: UnsafeRawBufferPointer) { bytes.append(contentsOf: piece) }

    mutating func append(_ piece: ArraySlice<UInt8>) { bytes += piece }

    /// Bytes that belong to no whole field yet.
    var unfinished: Int { bytes.count - (extents.last?.valueEnd ?? 0) }

    /// Makes a field of what was appended.
    ///
    /// - Parameter nameCount: how many of those bytes are the name, the rest is the value: 0 to `unfinished`.
    mutating func endField(nameCount: Int) {
        extents.append(Extent(nameEnd: bytes.count - unfinished + nameCount, valueEnd: bytes.count))
    }

    /// The last field, for a table; nil when there is none.
    var last: HeaderTableEntry? {
        guard let end = extents.last else { return nil }
        let start = extents.dropLast().last?.valueEnd ?? 0
        return bytes.withUnsafeBytes {
            HeaderTableEntry(
                UnsafeRawBufferPointer(rebasing: $0[start..<end.valueEnd]), nameCount: end.nameEnd - start)
        }
    }
}
