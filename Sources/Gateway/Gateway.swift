import GatewayAdmin
public import GatewayConfig
import GatewayNIO
import GatewayPolicy
import GatewayTelemetry
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A running gateway: what a configuration has become, and becomes when another one follows it.
public final class Gateway: Sendable {
    /// Of the program, as `sluice version` and `/stats` tell it.
    public static let version = "0.1.0"

    private let group: MultiThreadedEventLoopGroup
    let server: GatewayServer
    let admin: AdminEndpoint
    let settings: Settings
    let logger: Logger
    private let isDraining: DrainSwitch
    private let memoryReturn: Task<Void, Never>
    /// One reload after the other.
    let reloads = TaskLine()

    /// What a gateway is started with beside its configuration.
    public struct Settings: Sendable {
        /// Where the configuration is read again; nil: it came from no file.
        public var file: ReloadableFile?
        public var log: LogSettings
        /// Called when the admin endpoint is asked for a drain.
        public var onDrainRequest: @Sendable () -> Void

        public init(
            file: ReloadableFile? = nil, log: LogSettings, onDrainRequest: @escaping @Sendable () -> Void = {}
        ) {
            self.file = file
            self.log = log
            self.onDrainRequest = onDrainRequest
        }
    }

    /// Opens the listeners and the admin endpoint.
    ///
    /// - Throws: `StartError` for an address that can't be opened or TLS material that can't be used; nothing stays open.
    public static func start(_ configuration: GatewayConfiguration, settings: Settings) async throws -> Gateway {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        do {
            return try await start(configuration, settings: settings, group: group)
        } catch {
            try? await group.shutdownGracefully()
            throw StartError(description: "\(error)")
        }
    }

    private static func start(
        _ configuration: GatewayConfiguration, settings: Settings, group: MultiThreadedEventLoopGroup
    ) async throws -> Gateway {
        let logger = StandardErrorLog.logger(settings.log)
        let telemetry = Telemetry(loops: System.coreCount, version: version)
        let process = ProcessState(telemetry: telemetry, limits: configuration.limits, logger: logger)
        let generation = try Generation(configuration, process: process)
        let isDraining = DrainSwitch()
        // The admin endpoint is there first.
        let running = RunningGateway()
        let admin = AdminEndpoint(
            source: AdminSource(
                of: running, process: process, isDraining: isDraining, startedAt: .now(), settings: settings),
            group: group, logger: logger)
        await admin.apply(try await admin.prepare(configuration.admin), isTold: false)
        do {
            let server = try await GatewayServer.start(generation, process: process, group: group)
            let gateway = Gateway(
                group: group, server: server, admin: admin, isDraining: isDraining, settings: settings, logger: logger)
            running.set(gateway)
            admin.tellAddress()
            return gateway
        } catch {
            await admin.stop()
            throw error
        }
    }

    private init(
        group: MultiThreadedEventLoopGroup, server: GatewayServer, admin: AdminEndpoint, isDraining: DrainSwitch,
        settings: Settings, logger: Logger
    ) {
        self.group = group
        self.server = server
        self.admin = admin
        self.isDraining = isDraining
        self.settings = settings
        self.logger = logger
        let admission = server.process.admission
        let telemetry = server.process.telemetry
        // Over HTTP/2 many WebSockets share a transport; and a transport in its handshake holds no permit.
        memoryReturn = Task {
            await MemoryReturn.run([
                { (admission.activeConnections, admission.takePeak()) }, { telemetry.takeTransports() },
            ])
        }
    }

    /// Where the listeners are, by name, and the admin endpoint as `admin`.
    public var addresses: [(name: String, address: Address)] {
        server.addresses + (admin.boundAddress.map { [("admin", $0)] } ?? [])
    }

    /// WebSockets that are open or on their way.
    public var socketCount: Int { server.process.admission.activeConnections }

    var isInDrain: Bool { isDraining.isOn }

    /// Ends every connection as `drain` in the configuration says, then stops. Returns when all is closed.
    ///
    /// For `drain.delay` nothing changes but the answer of `/readyz`, so that balancers send their clients elsewhere.
    public func drain() async {
        isDraining.turnOn()
        memoryReturn.cancel()
        let delay = server.generation.configuration.drain.delay
        if delay > .zero { try? await Task.sleep(for: delay) }
        await server.drain()
        await admin.stop()
        try? await group.shutdownGracefully()
    }
}

/// Why a gateway could not start.
public struct StartError: Error, CustomStringConvertible {
    public let description: String
}

/// The gateway, for the admin endpoint, which is there before it.
final class RunningGateway: Sendable {
    private let gateway = Mutex<Gateway?>(nil)
    var value: Gateway? { gateway.withLock { $0 } }
    func set(_ gateway: Gateway) { self.gateway.withLock { $0 = gateway } }
}

final class DrainSwitch: Sendable {
    private let value = Atomic<Bool>(false)
    var isOn: Bool { value.load(ordering: .relaxed) }
    func turnOn() { value.store(true, ordering: .relaxed) }
}
