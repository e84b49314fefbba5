import NIOCore

/// Sockets and the like that wait for their turn, in the order in which they came.
///
/// The kernel would tell of each of them again in every turn of the loop. It does not for those that wait longer than one.
struct TurnLine<Watched: PolledDescriptor> {
    struct Entry {
        let watched: Watched
        /// Its file descriptor.
        let descriptor: CInt
        /// When it came.
        let time: NIODeadline
    }

    private var entries = CircularBuffer<Entry>()
    /// So many of the first are muted.
    private var muted = 0

    var isEmpty: Bool { entries.isEmpty }
    var first: Entry? { entries.first }

    mutating func append(_ watched: Watched, _ descriptor: CInt, at time: NIODeadline) {
        entries.append(Entry(watched: watched, descriptor: descriptor, time: time))
    }

    mutating func popFirst() -> Entry? {
        muted = max(0, muted - 1)
        return entries.popFirst()
    }

    /// The turn is over: those that are left are to hear of nothing until theirs.
    mutating func muteRest(in poller: Poller) {
        for entry in entries.dropFirst(muted) { poller.mute(entry.watched, entry.descriptor) }
        muted = entries.count
    }

    mutating func removeAll() {
        entries.removeAll()
        muted = 0
    }
}
