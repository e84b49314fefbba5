/// Counts by name, for names that peers may choose: past a number of different ones, the rest share ``other``.
struct BoundedTally: Sendable {
    static let other = "other"

    /// Different names, ``other`` not included.
    let maximumNames: Int
    /// In UTF-8 bytes; longer names count as ``other``.
    let maximumNameLength: Int
    private(set) var counts: [String: UInt64] = [:]

    init(maximumNames: Int, maximumNameLength: Int = 64) {
        self.maximumNames = maximumNames
        self.maximumNameLength = maximumNameLength
    }

    mutating func add(_ name: String) {
        let names = counts.count - (counts[Self.other] == nil ? 0 : 1)
        let isNamed = counts[name] != nil || (names < maximumNames && name.utf8.count <= maximumNameLength)
        counts[isNamed ? name : Self.other, default: 0] &+= 1
    }
}

extension [String: UInt64] {
    mutating func add(_ others: [String: UInt64]) {
        merge(others) { $0 &+ $1 }
    }
}
