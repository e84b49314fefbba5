public import NIOCore

/// Deadlines of many things in one coarse table: adding costs nothing to speak of, and what moved on is simply put
/// back when its turn comes, so that traffic never touches the table.
///
/// Entries past the horizon (`slots` × `tick`) wait in the last slot before it. Precision is one tick, never early.
public struct DeadlineWheel<ID: Sendable>: Sendable {
    private struct Entry {
        var id: ID
        var deadline: NIODeadline
    }

    private let tick: TimeAmount
    private var slots: [[Entry]]
    /// The tick that is looked at next; everything before it has fired.
    private var position: Int64
    public private(set) var count = 0

    public init(tick: TimeAmount = .milliseconds(50), slots: Int = 1024, now: NIODeadline) {
        self.tick = tick
        self.slots = Array(repeating: [], count: slots)
        position = Int64(now.uptimeNanoseconds) / tick.nanoseconds
    }

    public mutating func add(_ id: ID, at deadline: NIODeadline) {
        insert(Entry(id: id, deadline: deadline))
        count += 1
    }

    private mutating func insert(_ entry: Entry) {
        // Rounded up: a deadline has passed when its tick is looked at.
        let due = Int64(clamping: entry.deadline.uptimeNanoseconds / UInt64(tick.nanoseconds)) &+ 1
        let slot = min(max(due, position), position + Int64(slots.count) - 1)
        slots[Int(slot % Int64(slots.count))].append(entry)
    }

    /// When the next entry may be due; nil when there is none.
    public var nextWake: NIODeadline? {
        guard count > 0 else { return nil }
        for offset in 0..<Int64(slots.count) {
            let at = position + offset
            if !slots[Int(at % Int64(slots.count))].isEmpty {
                return .uptimeNanoseconds(UInt64(at) * UInt64(tick.nanoseconds))
            }
        }
        return nil
    }

    /// Takes out everything that is due at `now`.
    public mutating func due(now: NIODeadline) -> [ID] {
        let last = Int64(now.uptimeNanoseconds) / tick.nanoseconds
        var due: [ID] = []
        guard last >= position else { return due }
        // After a long sleep one turn of the wheel sees every slot.
        var at = max(position, last - Int64(slots.count) + 1)
        position = last + 1
        while at <= last {
            let slot = Int(at % Int64(slots.count))
            at += 1
            guard !slots[slot].isEmpty else { continue }
            let entries = slots[slot]
            slots[slot] = []
            for entry in entries {
                if entry.deadline <= now {
                    due.append(entry.id)
                    count -= 1
                } else {
                    insert(entry)
                }
            }
        }
        return due
    }
}
