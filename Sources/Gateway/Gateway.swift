import GatewayAdmin
public import GatewayConfig
import GatewayNIO
import GatewayPolicy
import GatewayTelemetry
public import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A running gateway: what a configuration has become.
public final class Gateway: Sendable {
    /// Of the program, as `sluice version` and `/stats` tell it.
    public static let version = "0.1.0"

    private let group: MultiThreadedEventLoopGroup
    private let server: GatewayServer
    private let admin: AdminServer?
    private let isDraining: DrainSwitch
    private let memoryReturn: Task<Void, Never>

    /// Opens the listeners and the admin endpoint.
    ///
    /// - Parameter onDrainRequest: called when the admin endpoint is asked for a drain.
    /// - Throws: `StartError` for an address that can't be opened or TLS material that can't be used; nothing stays open.
    public static func start(
        _ configuration: GatewayConfiguration, logger: Logger, onDrainRequest: @escaping @Sendable () -> Void = {}
    ) async throws -> Gateway {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        do {
            return try await start(configuration, logger: logger, group: group, onDrainRequest: onDrainRequest)
        } catch {
            try? await group.shutdownGracefully()
            throw StartError(description: "\(error)")
        }
    }

    private static func start(
        _ configuration: GatewayConfiguration, logger: Logger, group: MultiThreadedEventLoopGroup,
        onDrainRequest: @escaping @Sendable () -> Void
    ) async throws -> Gateway {
        let startedAt = NIODeadline.now()
        let telemetry = Telemetry(
            loops: System.coreCount,
            routes: configuration.routes.map { .init(name: $0.name, maxConnections: $0.maxConnections) },
            version: version)
        let runtime = try GatewayRuntime(configuration: configuration, telemetry: telemetry, logger: logger)
        let isDraining = DrainSwitch()
        // The admin endpoint is there first.
        let running = RunningServer()
        let source = AdminSource(
            snapshot: {
                telemetry.snapshot(
                    uptimeSeconds: Double((NIODeadline.now() - startedAt).nanoseconds) / 1e9,
                    draining: isDraining.isOn, upstreams: runtime.upstreamSnapshots(),
                    residentMemoryBytes: ResidentMemory.bytes())
            },
            readiness: {
                if isDraining.isOn { return .draining }
                if running.value == nil { return .starting }
                return runtime.hasServerUp ? .ready : .noServerUp
            },
            connections: { await running.value?.connections($0) ?? [] },
            close: { await running.value?.close($0, code: $1, reason: $2) ?? false },
            drain: onDrainRequest)
        var admin: AdminServer?
        if let settings = configuration.admin {
            do {
                admin = try await AdminServer.start(settings, source: source, group: group) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AcceptPause(listener: "admin", logger: logger))
                    }
                } bindUnix: { bootstrap, path in
                    let socket = try await UnixListeningSocket.bind(
                        bootstrap, path: path, access: settings.access, backlog: 128)
                    return (socket.channel, { await socket.close() })
                }
            } catch {
                let reason = ListenFailure.text(for: error, address: settings.address)
                throw StartError(description: "admin can't listen on \(settings.address): \(reason)")
            }
        }
        do {
            let server = try await GatewayServer.start(runtime, group: group)
            running.set(server)
            if let admin {
                logger.info("listening", metadata: ["listener": "admin", "address": "\(admin.boundAddress)"])
            }
            return Gateway(group: group, server: server, admin: admin, isDraining: isDraining)
        } catch {
            await admin?.stop()
            throw error
        }
    }

    private init(
        group: MultiThreadedEventLoopGroup, server: GatewayServer, admin: AdminServer?, isDraining: DrainSwitch
    ) {
        self.group = group
        self.server = server
        self.admin = admin
        self.isDraining = isDraining
        let admission = server.runtime.admission
        let telemetry = server.runtime.telemetry
        // Over HTTP/2 many WebSockets share a transport; and a transport in its handshake holds no permit.
        memoryReturn = Task {
            await MemoryReturn.run([
                { (admission.activeConnections, admission.takePeak()) }, { telemetry.takeTransports() },
            ])
        }
    }

    /// Where the listeners are, by name, and the admin endpoint as `admin`.
    public var addresses: [(name: String, address: Address)] {
        server.addresses + (admin.map { [("admin", $0.boundAddress)] } ?? [])
    }

    /// Ends every connection as `drain` in the configuration says, then stops. Returns when all is closed.
    public func drain() async {
        isDraining.turnOn()
        memoryReturn.cancel()
        await server.drain()
        await admin?.stop()
        try? await group.shutdownGracefully()
    }
}

/// Why a gateway could not start.
public struct StartError: Error, CustomStringConvertible {
    public let description: String
}

private final class RunningServer: Sendable {
    private let server = Mutex<GatewayServer?>(nil)
    var value: GatewayServer? { server.withLock { $0 } }
    func set(_ server: GatewayServer) { self.server.withLock { $0 = server } }
}

private final class DrainSwitch: Sendable {
    private let value = Atomic<Bool>(false)
    var isOn: Bool { value.load(ordering: .relaxed) }
    func turnOn() { value.store(true, ordering: .relaxed) }
}

extension GatewayRuntime {
    fileprivate func upstreamSnapshots() -> [UpstreamSnapshot] {
        upstreams.values.map { upstream in
            UpstreamSnapshot(
                name: upstream.configuration.name,
                servers: zip(upstream.selector.snapshot(), upstream.gauges).map { state, gauge in
                    (
                        state.address,
                        .init(
                            healthy: state.healthy, active: state.active, connections: gauge.connections.value,
                            streams: gauge.streams.value, failuresTotal: state.failuresTotal)
                    )
                })
        }
    }

    /// Whether any server of any upstream takes connections; so it is where there is no upstream at all.
    fileprivate var hasServerUp: Bool {
        upstreams.isEmpty || upstreams.values.contains { $0.selector.snapshot().contains(where: \.healthy) }
    }
}
