import NIOCore

/// A field in a table, as bytes: the size of both tables is counted in what came (RFC 7541 §4.1).
struct HeaderTableEntry: Equatable, Sendable {
    /// The name, and the value behind it.
    let bytes: [UInt8]
    let nameCount: Int

    init(name: some Collection<UInt8>, value: some Collection<UInt8>) {
        bytes = Array(name) + value
        nameCount = name.count
    }

    /// - Parameter nameCount: 0 to the number of bytes.
    init(_ bytes: UnsafeRawBufferPointer, nameCount: Int) {
        self.bytes = Array(bytes)
        self.nameCount = nameCount
    }

    var size: Int { bytes.count + HeaderList.overhead }
}

/// The fields that a peer's header blocks have put in, newest first (RFC 7541 §2.3.2).
struct DynamicHeaderTable: Sendable {
    /// Bytes, as §4.1 counts.
    private(set) var size = 0
    /// What the peer has chosen, up to the limit that was announced to it (§4.2). Less than now evicts.
    var capacity: Int {
        didSet { evict(toFit: capacity) }
    }
    private var entries = CircularBuffer<HeaderTableEntry>()

    /// - Parameter capacity: bytes, 0 or more.
    init(capacity: Int) { self.capacity = capacity }

    var count: Int { entries.count }

    /// The entry that as many were added behind: 0 is the newest. Nil: there are not so many.
    subscript(age: Int) -> HeaderTableEntry? {
        guard age >= 0, age < entries.count else { return nil }
        return entries[offset: entries.count - 1 - age]
    }

    /// Puts a field in, and out as many of the oldest as it needs room (§4.4). One larger than the table empties it.
    mutating func add(_ entry: HeaderTableEntry) {
        evict(toFit: capacity - entry.size)
        guard entry.size <= capacity else { return }
        entries.append(entry)
        size += entry.size
    }

    private mutating func evict(toFit limit: Int) {
        while size > limit, let oldest = entries.popFirst() { size -= oldest.size }
    }
}
