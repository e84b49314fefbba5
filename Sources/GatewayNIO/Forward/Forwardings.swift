import NIOCore

/// The plain requests that are under way on one event loop, and their deadlines.
///
/// One timer looks at all of them now and then: a timer for each would cost as much as the rest of a small request's
/// bookkeeping.
final class Forwardings {
    /// How late a deadline may be noticed.
    static let tick = TimeAmount.milliseconds(200)

    private let eventLoop: any EventLoop
    private var all: [UInt64: Forwarding] = [:]
    private var timer: Scheduled<Void>?

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    var isEmpty: Bool { all.isEmpty }

    /// Keeps a request until it has ended.
    func add(_ forwarding: Forwarding) {
        all[forwarding.id] = forwarding
        schedule()
    }

    func remove(_ id: UInt64) { all[id] = nil }

    private func schedule() {
        guard timer == nil, !all.isEmpty else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: Self.tick) { this.value.look() }
    }

    private func look() {
        timer = nil
        let now = NIODeadline.now()
        // Those that end meanwhile take themselves away.
        for forwarding in Array(all.values) { forwarding.timeReached(now) }
        schedule()
    }
}
