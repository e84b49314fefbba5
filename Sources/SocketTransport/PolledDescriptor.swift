import CLinux

/// What may happen to a file descriptor, as epoll names it (epoll_ctl(2)).
struct PollEvents: OptionSet {
    let rawValue: UInt32

    static let readable = PollEvents(rawValue: EPOLLIN.rawValue)
    static let writable = PollEvents(rawValue: EPOLLOUT.rawValue)
    /// The peer has ended its sending half.
    static let peerEnded = PollEvents(rawValue: EPOLLRDHUP.rawValue)
    /// Reported whether or not it was asked for.
    static let failed = PollEvents(rawValue: EPOLLERR.rawValue)
    /// Both halves have ended. Reported whether or not it was asked for.
    static let hungUp = PollEvents(rawValue: EPOLLHUP.rawValue)
}

/// A file descriptor that an event loop watches, and what is done when something happens to it.
public class PolledDescriptor {
    /// Its place in the `Poller`; nil while it is not watched.
    final fileprivate(set) var place: Poller.Place?
    /// What it is watched for.
    final fileprivate(set) var interest: PollEvents = []
    /// What has happened and waits in the loop's `DeferredEvents`; empty: nothing does.
    final var deferred: PollEvents = []
    /// The kernel tells of errors and ends at most, until `unmute`.
    final fileprivate(set) var isMuted = false

    init() {}

    /// Something has happened. The descriptor may have been closed by an event before this one in the same turn; then it
    /// is not called. What may wait goes to the loop's `DeferredEvents`.
    func ready(_ events: PollEvents) { serve(events) }

    /// Does what an event asks for. An event that has waited may be over: nothing is to be read any more, say.
    func serve(_ events: PollEvents) {}
}

/// An epoll instance, and the descriptors that it watches (epoll(7)). Level-triggered: what is not dealt with is told of
/// again.
final class Poller {
    /// Where a descriptor stands. The generation tells an event of a descriptor that has gone from one of its successor in
    /// the same place.
    struct Place {
        fileprivate let index: UInt32
        fileprivate let generation: UInt32
    }

    private struct Entry {
        var watched: PolledDescriptor?
        var generation: UInt32 = 0
    }

    /// So many events are taken from the kernel at a time.
    private static let batch = 256

    private let descriptor: CInt
    private var entries: [Entry] = []
    private var free: [UInt32] = []
    private let events: UnsafeMutablePointer<epoll_event>

    /// - Throws: `IOError`, when the process has no file descriptor left.
    init() throws {
        descriptor = try SystemCall.check(epoll_create1(CInt(EPOLL_CLOEXEC)), "epoll_create1")
        events = .allocate(capacity: Self.batch)
    }

    deinit {
        SystemCall.close(descriptor)
        events.deallocate()
    }

    /// How many descriptors are watched.
    var count: Int { entries.count - free.count }

    /// Watches a descriptor, and keeps the object until `remove`.
    func add(_ watched: PolledDescriptor, _ descriptor: CInt, for interest: PollEvents) throws {
        let index = free.popLast() ?? UInt32(entries.count)
        if Int(index) == entries.count { entries.append(Entry()) }
        let place = Place(index: index, generation: entries[Int(index)].generation)
        do {
            try control(EPOLL_CTL_ADD, descriptor, place, interest)
        } catch {
            free.append(index)
            throw error
        }
        entries[Int(index)].watched = watched
        watched.place = place
        watched.interest = interest
    }

    /// Watches it for something else.
    func change(_ watched: PolledDescriptor, _ descriptor: CInt, to interest: PollEvents) {
        guard let place = watched.place, interest != watched.interest else { return }
        watched.interest = interest
        if watched.isMuted { return }
        // It is watched already, so that the kernel needs no memory for it: there is nothing that could fail.
        try? control(EPOLL_CTL_MOD, descriptor, place, interest)
    }

    /// Has the kernel tell nothing of it, as far as that is possible, until `unmute`: it is to be served anyway.
    func mute(_ watched: PolledDescriptor, _ descriptor: CInt) {
        guard let place = watched.place, !watched.isMuted else { return }
        watched.isMuted = true
        try? control(EPOLL_CTL_MOD, descriptor, place, [])
    }

    /// From now on the kernel tells of what it is watched for.
    func unmute(_ watched: PolledDescriptor, _ descriptor: CInt) {
        guard let place = watched.place, watched.isMuted else { return }
        watched.isMuted = false
        try? control(EPOLL_CTL_MOD, descriptor, place, watched.interest)
    }

    /// Watches it no longer, and lets go of the object.
    func remove(_ watched: PolledDescriptor, _ descriptor: CInt) {
        guard let place = watched.place else { return }
        watched.place = nil
        watched.isMuted = false
        try? control(EPOLL_CTL_DEL, descriptor, place, [])
        entries[Int(place.index)] = Entry(generation: place.generation &+ 1)
        free.append(place.index)
    }

    private func control(_ operation: CInt, _ descriptor: CInt, _ place: Place, _ interest: PollEvents) throws {
        var event = epoll_event()
        event.events = interest.rawValue
        event.data.u64 = UInt64(place.generation) << 32 | UInt64(place.index)
        try SystemCall.check(epoll_ctl(self.descriptor, operation, descriptor, &event), "epoll_ctl")
    }

    /// Waits until something happens.
    ///
    /// - Parameter timeout: milliseconds; -1 for as long as it takes.
    /// - Returns: how many events there are.
    func wait(timeout: CInt) -> Int { max(0, Int(epoll_wait(descriptor, events, CInt(Self.batch), timeout))) }

    /// Tells the descriptor of one of the events that `wait` has found.
    func tell(_ number: Int) {
        let data = events[number].data.u64
        let entry = entries[Int(UInt32(truncatingIfNeeded: data))]
        guard entry.generation == UInt32(truncatingIfNeeded: data >> 32) else { return }
        entry.watched?.ready(PollEvents(rawValue: events[number].events))
    }

    /// All that is watched.
    var everything: [PolledDescriptor] { entries.compactMap(\.watched) }
}
