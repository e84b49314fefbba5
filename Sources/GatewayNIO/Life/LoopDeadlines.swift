import GatewaySession
import NIOCore

/// One event loop's `DeadlineWheel`, and the one timer that turns it.
final class LoopDeadlines {
    private let eventLoop: any EventLoop
    private var wheel: DeadlineWheel<SessionID>
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?
    var fire: (SessionID, NIODeadline) -> Void = { _, _ in }

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        wheel = DeadlineWheel(now: .now())
    }

    func add(_ id: SessionID, at deadline: NIODeadline) {
        guard deadline < .distantFuture else { return }
        wheel.add(id, at: deadline)
        arm()
    }

    private func arm() {
        guard let wake = wheel.nextWake else { return }
        if let timer {
            guard wake < timer.at else { return }
            timer.task.cancel()
        }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        timer = (eventLoop.scheduleTask(deadline: wake) { this.value.turn() }, wake)
    }

    private func turn() {
        timer = nil
        let now = NIODeadline.now()
        for id in wheel.due(now: now) { fire(id, now) }
        arm()
    }
}
