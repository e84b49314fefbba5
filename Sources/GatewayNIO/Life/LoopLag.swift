import GatewayTelemetry
import NIOCore

/// Finds out how late an event loop comes to what it is to do at a certain time, which is how long messages may have to
/// wait there. Touched by that loop alone.
final class LoopLag {
    /// Between two looks. A loop with nothing else to do is woken for each.
    static let interval = TimeAmount.milliseconds(500)

    private let counters: LoopCounters
    private let eventLoop: any EventLoop

    init(_ counters: LoopCounters, eventLoop: any EventLoop) {
        self.counters = counters
        self.eventLoop = eventLoop
    }

    /// Goes on as long as the loop runs.
    func watch() {
        let due = NIODeadline.now() + Self.interval
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(deadline: due) {
            let late = (NIODeadline.now() - due).nanoseconds
            this.value.counters.lag.record(microseconds: UInt64(clamping: late / 1000))
            this.value.watch()
        }
    }
}
