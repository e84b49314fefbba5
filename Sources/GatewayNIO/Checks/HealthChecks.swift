import GatewayConfig
import Logging
import NIOCore

/// The checks of all servers whose upstream has a `health_check`: one a server, whatever the number of event loops.
final class HealthChecks: Sendable {
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// By server, which its checks keep.
    private let servers: NIOLoopBoundBox<[ObjectIdentifier: ServerChecks]>

    init(eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
        servers = .makeBoxSendingValue([:], eventLoop: eventLoop)
    }

    /// Goes on with the servers of this generation alone, as it says.
    func follow(_ generation: Generation) {
        var targets: [HealthCheckConnection.Target] = []
        for upstream in generation.upstreams.values {
            guard let check = upstream.configuration.healthCheck else { continue }
            for configured in upstream.configuration.servers where configured.state != .down {
                guard let server = upstream.server(configured.address) else { continue }
                targets.append(.init(server: server, check: check, transport: upstream.transport))
            }
        }
        eventLoop.execute { [self, targets] in
            var left = servers.value
            var kept: [ObjectIdentifier: ServerChecks] = [:]
            for target in targets {
                let id = ObjectIdentifier(target.server)
                if let known = left.removeValue(forKey: id) {
                    known.follow(target)
                    kept[id] = known
                } else {
                    kept[id] = ServerChecks(target, eventLoop: eventLoop, logger: logger)
                }
            }
            for checks in left.values {
                checks.stop()
                checks.forget()
            }
            servers.value = kept
        }
    }

    /// Makes no more; what is known stays.
    func stop() {
        eventLoop.execute { [servers] in
            for checks in servers.value.values { checks.stop() }
            servers.value = [:]
        }
    }
}
