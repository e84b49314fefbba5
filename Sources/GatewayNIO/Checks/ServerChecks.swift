import GatewayConfig
import GatewayPolicy
import Logging
import NIOCore

/// The checks of one server, one after the other.
final class ServerChecks {
    private var target: HealthCheckConnection.Target
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var timer: Scheduled<Void>?
    private var current: HealthCheckConnection?

    /// Begins with the first one.
    init(_ target: HealthCheckConnection.Target, eventLoop: any EventLoop, logger: Logger) {
        self.target = target
        self.eventLoop = eventLoop
        self.logger = logger
        target.server.record.checksBegin()
        check()
    }

    /// Another generation: the next check is made at once if it is another one.
    func follow(_ target: HealthCheckConnection.Target) {
        guard target.check != self.target.check || target.transport !== self.target.transport else { return }
        stop()
        self.target = target
        target.server.record.checksBegin()
        check()
    }

    func stop() {
        timer?.cancel()
        current?.cancel()
        current = nil
    }

    /// Nothing is known of the server by checks any more.
    func forget() { target.server.record.checksEnd() }

    private func check() {
        let next = NIODeadline.now() + spread(TimeAmount(target.check.interval))
        let connection = HealthCheckConnection(
            target, eventLoop: eventLoop,
            tell: { [weak self] outcome in
                if let self, let outcome { note(outcome) }
            },
            closed: { [weak self] in
                self?.current = nil
                self?.wait(until: next)
            })
        current = connection
        connection.start()
    }

    private func wait(until next: NIODeadline) {
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(deadline: next) { this.value.check() }
    }

    /// A tenth more or less, so that checks of many gateways and servers do not come together.
    private func spread(_ interval: TimeAmount) -> TimeAmount {
        .nanoseconds(Int64(Double(interval.nanoseconds) * .random(in: 0.9...1.1)))
    }

    private func note(_ outcome: ServerHealth.Outcome) {
        let standing = target.server.record.checked(outcome, by: target.check, now: .now())
        var metadata: Logger.Metadata = [
            "upstream": "\(target.server.upstream.name)", "server": "\(target.server.address)",
        ]
        switch standing {
        case .healthy?:
            logger.info("server is healthy", metadata: metadata)
        case .unhealthy?:
            metadata["reason"] = "\(outcome.failure ?? "")"
            logger.warning("server is unhealthy", metadata: metadata)
        case .unknown?, nil:
            break
        }
    }
}
