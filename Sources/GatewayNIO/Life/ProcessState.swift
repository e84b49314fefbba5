public import GatewayConfig
public import GatewayPolicy
public import GatewayTelemetry
public import Logging
public import PerMessageDeflate

/// What outlives every configuration of the process: the live things, found again by name, and what is shared between
/// event loops.
public final class ProcessState: Sendable {
    public let admission = Admission()
    public let telemetry: Telemetry
    public let compressionMemory: CompressionMemory
    /// What was asked for and takes its time.
    public let operations = Operations()
    /// Bytes of zlib state that all connections hold now.
    public var zlibBytes: Int { compressionMemory.used }
    public let logger: Logger
    let lineLog: LineLog
    let tlsFailures: TLSFailures
    /// The commands that run now.
    public let commands = RunningCommands()
    /// What this instance calls itself in `Via`, unlike any other.
    let pseudonym = "sluice-\(RequestID.make())"
    private let routes = LiveRegistry<String, LiveRoute>()
    private let upstreams = LiveRegistry<String, LiveUpstream>()

    public init(telemetry: Telemetry, limits: ProcessLimits, logger: Logger, lineLog: LineLog = .none) {
        self.telemetry = telemetry
        self.logger = logger
        self.lineLog = lineLog
        tlsFailures = TLSFailures(telemetry: telemetry, log: lineLog)
        compressionMemory = CompressionMemory(limit: limits.compressionMemory)
    }

    func route(_ name: String) -> LiveRoute {
        routes.find(name) { LiveRoute(name: name, telemetry: telemetry) }
    }

    func upstream(_ name: String) -> LiveUpstream {
        upstreams.find(name) { LiveUpstream(name: name, logger: logger) }
    }

    /// Those that a configuration names, or a session still uses.
    public var liveUpstreams: [LiveUpstream] { upstreams.all }
}
