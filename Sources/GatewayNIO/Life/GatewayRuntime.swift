public import GatewayConfig
public import GatewayPolicy
public import GatewayTelemetry
public import Logging
import NIOCore
public import PerMessageDeflate

/// What every handshake of the process needs: the configuration in force, and what is shared between event loops.
public final class GatewayRuntime: Sendable {
    public let configuration: GatewayConfiguration
    public let routes: RouteTable
    public let admission: Admission
    public let telemetry: Telemetry
    public let compressionMemory: CompressionMemory
    public let logger: Logger
    /// What this instance calls itself in `Via`, unlike any other.
    let pseudonym = "sluice-\(RequestID.make())"
    /// What `respond:` routes answer with, by route: once, however many have not read it yet.
    let fixedBodies: [Int: ByteBuffer]
    /// By name.
    public let upstreams: [String: Upstream]

    /// - Throws: what NIOSSL says of an upstream's trust roots.
    public init(configuration: GatewayConfiguration, telemetry: Telemetry, logger: Logger) throws {
        self.configuration = configuration
        self.telemetry = telemetry
        self.logger = logger
        routes = RouteTable(routes: configuration.routes)
        admission = Admission(limits: configuration.limits, routes: configuration.routes)
        compressionMemory = CompressionMemory(limit: configuration.limits.compressionMemory)
        var bodies: [Int: ByteBuffer] = [:]
        for (index, route) in configuration.routes.enumerated() {
            if case .respond(let response) = route.action { bodies[index] = ByteBuffer(string: response.body) }
        }
        fixedBodies = bodies
        var upstreams: [String: Upstream] = [:]
        for upstream in configuration.upstreams { upstreams[upstream.name] = try Upstream(upstream, logger: logger) }
        self.upstreams = upstreams
    }
}
