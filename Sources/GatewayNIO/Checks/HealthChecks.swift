import GatewayConfig
import Logging
import NIOCore

/// The checks of all servers whose upstream has a `health_check`: one a server, whatever the number of event loops.
final class HealthChecks: Sendable {
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// By server, which its checks keep.
    private let servers: NIOLoopBoundBox<[ObjectIdentifier: ServerChecks]>
    private let isOver: NIOLoopBoundBox<Bool>

    init(eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
        servers = .makeBoxSendingValue([:], eventLoop: eventLoop)
        isOver = .makeBoxSendingValue(false, eventLoop: eventLoop)
    }

    /// Goes on with the servers of a generation alone, as it says, and as lookups have found them.
    ///
    /// - Parameter generation: the one in force, whoever asks for it last.
    func follow(_ generation: @escaping @Sendable () -> Generation) {
        eventLoop.execute { [self] in
            guard !isOver.value else { return }
            var left = servers.value
            var kept: [ObjectIdentifier: ServerChecks] = [:]
            for target in Self.targets(of: generation()) {
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

    private static func targets(of generation: Generation) -> [HealthCheckConnection.Target] {
        generation.upstreams.values.flatMap { upstream in
            guard let check = upstream.configuration.healthCheck else { return [] as [HealthCheckConnection.Target] }
            return upstream.servers.members.filter { $0.configuration.state != .down }
                .map { .init(server: $0.live, check: check, transport: upstream.transport) }
        }
    }

    /// Makes no more; what is known stays.
    func stop() {
        eventLoop.execute { [servers, isOver] in
            isOver.value = true
            for checks in servers.value.values { checks.stop() }
            servers.value = [:]
        }
    }
}
