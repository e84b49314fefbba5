import GatewayAdmin
public import GatewayConfig
import GatewayNIO
import GatewayPolicy
import GatewayTelemetry
import Logging
import NIOCore
import SocketTransport
import Synchronization

/// A running gateway: what a configuration has become, and becomes when another one follows it.
public final class Gateway: Sendable {
    /// Of the program, as `sluice version` and `/stats` tell it.
    public static let version = "0.1.0"

    /// The language has no name for the version of the compiler, only comparisons.
    public static var compiler: String {
        #if compiler(>=6.5)
            "6.5 or later"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    private let group: SocketEventLoopGroup
    let server: GatewayServer
    let admin: AdminEndpoint
    let takeovers: TakeoverEndpoint
    let settings: Settings
    let logger: Logger
    private let stage: Stage
    private let memoryReturn: Task<Void, Never>
    private let sampling: Task<Void, Never>
    /// One reload after the other.
    let reloads = TaskLine()
    private let reloadsUnderWay = SharedGauge()

    /// What a gateway is started with beside its configuration.
    public struct Settings: Sendable {
        /// Where the configuration is read again; nil: it came from no file.
        public var file: ReloadableFile?
        public var log: LogSettings
        public var inherited = InheritedSockets()
        /// From whom the sockets come; nil: nobody has to be told that they are used.
        public var takeover: Takeover?
        /// What the program was built of, for `/stats` and `/metrics`.
        public var commit = "unknown"
        /// Called when a drain is asked for: by whom.
        public var onDrainRequest: @Sendable (String) -> Void = { _ in }
        /// Called when another process accepts the connections: this one is to drain.
        public var onSuccessor: @Sendable () -> Void = {}
        /// Called before and after each reload, with true before.
        public var onReload: @Sendable (Bool) -> Void = { _ in }

        public init(file: ReloadableFile? = nil, log: LogSettings) {
            self.file = file
            self.log = log
        }
    }

    /// Opens the listeners and the admin endpoint.
    ///
    /// - Throws: `StartError` for an address that can't be opened or TLS material that can't be used, or a predecessor
    ///   that goes on; nothing stays open.
    public static func start(_ configuration: GatewayConfiguration, settings: Settings) async throws -> Gateway {
        let group: SocketEventLoopGroup
        do {
            group = try SocketEventLoopGroup(loops: configuration.limits.loopCount)
        } catch {
            settings.takeover?.abandon()
            throw StartError(
                description: "the gateway can't start its event loops: \(ListenFailure.text(forAccept: error))")
        }
        do {
            return try await start(configuration, settings: settings, group: group)
        } catch {
            settings.takeover?.abandon()
            try? await group.shutdownGracefully()
            throw StartError(description: "\(error)")
        }
    }

    private static func start(
        _ configuration: GatewayConfiguration, settings: Settings, group: SocketEventLoopGroup
    ) async throws -> Gateway {
        let logger = StandardErrorLog.logger(settings.log)
        let telemetry = Telemetry(
            loops: configuration.limits.loopCount, version: version,
            rejections: Refusal.allKeys + ["upstream_refused", "proxy_protocol"])
        let process = ProcessState(
            telemetry: telemetry, limits: configuration.limits, logger: logger,
            lineLog: StandardErrorLog.requests(settings.log))
        let generation = try Generation(configuration, process: process)
        let history = MetricHistory(loops: configuration.limits.loopCount)
        let stage = Stage()
        // The admin endpoint is there first.
        let running = RunningGateway()
        let admin = AdminEndpoint(
            source: AdminSource(
                of: running, process: process, stage: stage, startedAt: .now(), settings: settings, history: history),
            group: group, logger: logger)
        await admin.apply(
            try await admin.prepare(
                configuration.admin, inherited: settings.inherited.admin, waits: settings.takeover != nil),
            isTold: false)
        let server: GatewayServer
        do {
            server = try await GatewayServer.start(
                generation, process: process, inherited: settings.inherited.listeners,
                waits: settings.takeover != nil, group: group)
        } catch {
            await admin.stop()
            throw error
        }
        let gateway = Gateway(
            group: group, server: server, admin: admin, stage: stage, running: running, settings: settings,
            history: history, logger: logger)
        running.set(gateway)
        telemetry.reloads.applied(at: secondsSince1970, isReload: false)
        do {
            if let takeover = settings.takeover {
                // Two processes that accept on one socket would race for each client. Who comes between the end of the
                // one and the beginning of the other waits in the socket's queue.
                try await takeover.ready()
                await server.beginAccepting()
                await admin.beginAccepting()
                gateway.takeFiles(of: configuration)
            }
            try await gateway.awaitSuccessor(at: configuration.admin?.takeoverSocket)
        } catch {
            gateway.memoryReturn.cancel()
            gateway.sampling.cancel()
            if settings.takeover == nil {
                // The sockets are nobody else's, and their files go with them.
                await server.drain()
                await admin.stop()
            } else {
                await server.leaveToSuccessor()
                await admin.leaveToSuccessor()
            }
            throw error
        }
        admin.tellAddress()
        return gateway
    }

    private init(
        group: SocketEventLoopGroup, server: GatewayServer, admin: AdminEndpoint, stage: Stage,
        running: RunningGateway, settings: Settings, history: MetricHistory, logger: Logger
    ) {
        self.group = group
        self.server = server
        self.admin = admin
        self.stage = stage
        self.settings = settings
        self.logger = logger
        takeovers = TakeoverEndpoint(
            sockets: { running.value?.socketsForSuccessor() ?? [] },
            onReady: { await running.value?.leaveToSuccessor() }, logger: logger)
        let admission = server.process.admission
        let telemetry = server.process.telemetry
        let process = server.process
        sampling = Task { await Sampling.run(history, of: process) { server.tendLoops() } }
        // Over HTTP/2 many WebSockets share a transport; and a transport in its handshake holds no permit.
        memoryReturn = Task {
            await MemoryReturn.run([
                { (admission.activeConnections, admission.takePeak()) }, { telemetry.takeTransports() },
                // What an idle connection gives back is held for seconds before, so that each look sees it.
                {
                    let compressors = process.zlibBytes / MemoryReturn.compressor
                    return (compressors, compressors)
                },
            ])
        }
    }

    /// Where the listeners are, by name, and the admin endpoint as `admin`.
    public var addresses: [(name: String, address: Address)] {
        server.addresses + (admin.boundAddress.map { [(InheritedSockets.adminName, $0)] } ?? [])
    }

    /// WebSockets that are open or on their way.
    public var socketCount: Int { server.process.admission.activeConnections }

    /// The files that the configuration in force names, without itself: absolute paths.
    public var files: [String] { server.generation.configuration.files }

    /// Returns when every event loop has had a turn.
    public func waitForLoops() async { await server.waitForLoops() }

    /// Whether a configuration is being read or put into force.
    var isReloading: Bool { reloadsUnderWay.value > 0 }

    func reloadBegan() { reloadsUnderWay.add(1) }
    func reloadEnded() { reloadsUnderWay.add(-1) }

    var isDraining: Bool { stage.value != .serving }

    /// Ends every connection as `drain` in the configuration says, then stops. Returns when all is closed.
    ///
    /// For `drain.delay` nothing changes but the answer of `/readyz`, so that balancers send their clients elsewhere;
    /// with a successor there is no need to wait.
    public func drain() async {
        memoryReturn.cancel()
        let hasSuccessor = stage.value == .succeeded
        if !hasSuccessor {
            stage.value = .draining
            await takeovers.stop()
            let delay = server.generation.configuration.drain.delay
            if delay > .zero { try? await Task.sleep(for: delay) }
        }
        // A reload that had begun before would open listeners behind their closing.
        await reloads.run {}
        await server.drain(refusesHandshakes: !hasSuccessor)
        await admin.stop()
        sampling.cancel()
        try? await group.shutdownGracefully()
    }

    /// Ends every command at once, for a process that exits at once.
    public func killCommands() { server.process.commands.killAll() }

    // MARK: A successor

    /// The files of unix sockets are this process's from now on: mode and owners are as its own configuration says.
    private func takeFiles(of configuration: GatewayConfiguration) {
        var wanted = configuration.listeners.map { (name: $0.name, access: $0.access) }
        if let admin = configuration.admin { wanted.append((InheritedSockets.adminName, admin.access)) }
        for (name, sockets) in listening {
            sockets.takeFile()
            guard let access = wanted.first(where: { $0.name == name })?.access else { continue }
            do {
                try sockets.apply(access)
            } catch {
                let reason = ListenFailure.text(for: error, address: sockets.address)
                logger.error(
                    "gateway can't set the access to a unix socket",
                    metadata: ["listener": "\(name)", "reason": "\(reason)"])
            }
        }
    }

    private func awaitSuccessor(at path: String?) async throws {
        do {
            await takeovers.apply(try await takeovers.prepare(path))
        } catch {
            guard settings.takeover != nil else { throw error }
            // The predecessor has left already: serving goes before being succeeded.
            logger.error("gateway can't open its takeover socket", metadata: ["reason": "\(error)"])
        }
    }

    private var listening: [(name: String, sockets: ListeningDescriptors)] {
        server.listening + (admin.listening.map { [(InheritedSockets.adminName, $0)] } ?? [])
    }

    private func socketsForSuccessor() -> [TakeoverSocket] {
        guard stage.value == .serving else { return [] }
        return listening.compactMap { name, sockets in
            (try? sockets.duplicates()).map {
                TakeoverSocket(name: name, address: "\(sockets.boundAddress)", descriptors: $0)
            }
        }
    }

    private func leaveToSuccessor() async {
        stage.value = .succeeded
        await server.leaveToSuccessor()
        await admin.leaveToSuccessor()
        settings.onSuccessor()
    }
}

/// Why a gateway could not start.
public struct StartError: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) {
        self.description = description
    }
}

/// The gateway, for those that are there before it.
final class RunningGateway: Sendable {
    private let gateway = Mutex<Gateway?>(nil)
    var value: Gateway? { gateway.withLock { $0 } }
    func set(_ gateway: Gateway) { self.gateway.withLock { $0 = gateway } }
}

/// How far a gateway is on its way out.
final class Stage: Sendable {
    enum Value: Sendable {
        case serving
        case draining
        /// Another process accepts its connections.
        case succeeded
    }

    private let stage = Mutex(Value.serving)

    var value: Value {
        get { stage.withLock { $0 } }
        set { stage.withLock { $0 = newValue } }
    }
}
