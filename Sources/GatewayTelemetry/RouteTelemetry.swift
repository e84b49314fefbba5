/// What one route counts, on every event loop. It outlives the configuration that names the route.
public final class RouteTelemetry: Sendable {
    public let name: String
    /// `max_connections` as the configuration in force has it; 0: no cap. Any thread.
    public let maxConnections = SharedGauge()
    /// `max_requests` in the same way.
    public let maxRequests = SharedGauge()
    /// 1 where the configuration in force has the route lead to a command, or one did before. Any thread.
    public let hasCommands = SharedGauge()
    /// By event loop.
    let loops: [RouteCounters]

    init(name: String, loops: Int) {
        self.name = name
        self.loops = (0..<loops).map { _ in RouteCounters() }
    }

    /// The counters of one loop, which counts from 0 and must exist.
    public func counters(loop: Int) -> RouteCounters { loops[loop] }
}
