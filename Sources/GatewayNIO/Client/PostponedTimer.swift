import NIOCore

/// A deadline that is moved often and reached seldom: setting it later, or taking it away, costs no timer.
final class PostponedTimer {
    private let eventLoop: any EventLoop
    private let reached: () -> Void
    private var deadline: NIODeadline?
    private var scheduled: (task: Scheduled<Void>, time: NIODeadline)?

    init(eventLoop: any EventLoop, reached: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.reached = reached
    }

    func set(_ time: TimeAmount) {
        let deadline = eventLoop.now + time
        self.deadline = deadline
        if let scheduled, scheduled.time <= deadline { return }
        schedule(deadline)
    }

    /// Nothing is waited for.
    func clear() { deadline = nil }

    /// Nothing is waited for any more: the timer itself goes as well.
    func cancel() {
        deadline = nil
        scheduled?.task.cancel()
        scheduled = nil
    }

    private func schedule(_ time: NIODeadline) {
        scheduled?.task.cancel()
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        scheduled = (eventLoop.scheduleTask(deadline: time) { this.value.look() }, time)
    }

    private func look() {
        scheduled = nil
        guard let deadline else { return }
        if deadline > eventLoop.now {
            schedule(deadline)
        } else {
            self.deadline = nil
            reached()
        }
    }
}
