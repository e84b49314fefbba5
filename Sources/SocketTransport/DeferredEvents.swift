import NIOCore

/// The events of sockets that carry no messages: connections that begin or end, requests, listening sockets.
///
/// A crowd of them is not to hold up open WebSockets. A turn of the loop therefore serves every socket that has
/// precedence, and only then these, for a moment, in the order in which they came.
final class DeferredEvents {
    private var line = TurnLine<PolledDescriptor>()

    var isEmpty: Bool { line.isEmpty }

    /// Since when the first of them waits; nil: none does.
    var oldest: NIODeadline? { line.first?.time }

    /// Takes an event. Until it is served, the kernel may tell of more.
    func add(_ events: PollEvents, of watched: PolledDescriptor, _ descriptor: CInt, at time: NIODeadline) {
        if watched.deferred.isEmpty { line.append(watched, descriptor, at: time) }
        watched.deferred.formUnion(events)
    }

    /// Serves at least one, and goes on until a point in time.
    func serve(until end: NIODeadline, watchedBy poller: Poller) {
        while let entry = line.popFirst() {
            let events = entry.watched.deferred
            entry.watched.deferred = []
            // It may have closed meanwhile.
            guard entry.watched.place != nil else { continue }
            entry.watched.serve(events)
            poller.unmute(entry.watched, entry.descriptor)
            guard NIODeadline.now() < end else { return line.muteRest(in: poller) }
        }
    }

    /// The loop has ended: nothing is served any more. They keep the loop, which would keep them for ever.
    func removeAll() { line.removeAll() }
}
