import GatewayConfig
import HTTP2Core
import NIOCore

/// Asks a silent server for a sign of life on a shared connection (RFC 9113 §6.7).
final class HTTP2Pings {
    private let interval: TimeAmount
    private let timeout: TimeAmount
    private let eventLoop: any EventLoop
    /// A PING waits for an answer.
    private var sentAt: NIODeadline?
    private var timer: Scheduled<Void>?

    init(_ settings: UpstreamHTTP2, eventLoop: any EventLoop) {
        interval = TimeAmount(settings.pingInterval)
        timeout = TimeAmount(settings.pingTimeout)
        self.eventLoop = eventLoop
    }

    /// - Parameter gaveUp: called when no answer has come in time.
    func watch(_ handler: HTTP2Handler, gaveUp: @escaping () -> Void) {
        guard interval > .zero else { return }
        let now = NIODeadline.now()
        if let sentAt, handler.lastRead < sentAt {
            if now >= sentAt + timeout { return gaveUp() }
        } else if now >= handler.lastRead + interval {
            sentAt = now
            handler.connection.ping(UInt64(now.uptimeNanoseconds))
            handler.scheduleFlush()
        } else {
            sentAt = nil
        }
        let next = sentAt.map { $0 + timeout } ?? handler.lastRead + interval
        let this = NIOLoopBound((self, handler, gaveUp), eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(deadline: max(next, now + .milliseconds(10))) {
            let (pings, handler, gaveUp) = this.value
            pings.watch(handler, gaveUp: gaveUp)
        }
    }

    func answered() { sentAt = nil }

    /// What waits keeps the connection, and so the server, which no configuration may name any more.
    func stop() { timer?.cancel() }
}
