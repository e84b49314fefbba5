import NIOCore

/// The events of sockets that carry no messages: connections that begin or end, requests, listening sockets.
///
/// A crowd of them is not to hold up open WebSockets. A turn of the loop therefore serves every socket that has
/// precedence, and only then these, for a moment, in the order in which they came.
final class DeferredEvents {
    private struct Entry {
        let descriptor: PolledDescriptor
        /// When the loop learned of the event.
        let time: NIODeadline
    }

    private var line = CircularBuffer<Entry>()

    var isEmpty: Bool { line.isEmpty }

    /// Since when the first of them waits; nil: none does.
    var oldest: NIODeadline? { line.first?.time }

    /// Takes an event. The kernel tells of it in every turn until it is served, which changes nothing.
    func add(_ events: PollEvents, of descriptor: PolledDescriptor, at time: NIODeadline) {
        if descriptor.deferred.isEmpty { line.append(Entry(descriptor: descriptor, time: time)) }
        descriptor.deferred.formUnion(events)
    }

    /// Serves at least one, and goes on until a point in time.
    func serve(until end: NIODeadline) {
        while let entry = line.popFirst() {
            let events = entry.descriptor.deferred
            entry.descriptor.deferred = []
            // It may have closed meanwhile.
            guard entry.descriptor.place != nil else { continue }
            entry.descriptor.serve(events)
            guard NIODeadline.now() < end else { return }
        }
    }

    /// The loop has ended: nothing is served any more. They keep the loop, which would keep them for ever.
    func removeAll() { line.removeAll() }
}
