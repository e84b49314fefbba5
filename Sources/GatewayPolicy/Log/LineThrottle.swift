public import NIOCore

/// Lets one line of each kind through in each interval, and counts those that it keeps back.
public struct LineThrottle<Kind: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var next: NIODeadline
        var leftOut = 0
    }

    private let interval: TimeAmount
    private var entries: [Kind: Entry] = [:]

    public init(interval: TimeAmount) { self.interval = interval }

    /// - Returns: how many of the kind were kept back since the last one that was let through; nil: this one is too.
    public mutating func pass(_ kind: Kind, now: NIODeadline) -> Int? {
        if let entry = entries[kind], now < entry.next {
            entries[kind]?.leftOut += 1
            return nil
        }
        defer { entries[kind] = Entry(next: now + interval) }
        return entries[kind]?.leftOut ?? 0
    }
}
