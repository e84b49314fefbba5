public import GatewayTelemetry

/// What the admin endpoint asks of the gateway it belongs to.
public struct AdminSource: Sendable {
    /// Whether traffic should be sent here.
    public enum Readiness: String, Sendable {
        case ready
        case draining
        case noServerUp = "no server up"
    }

    public var snapshot: @Sendable () -> StatsSnapshot
    public var readiness: @Sendable () -> Readiness
    /// Begins a drain; the process ends with it.
    public var drain: @Sendable () -> Void

    public init(
        snapshot: @escaping @Sendable () -> StatsSnapshot, readiness: @escaping @Sendable () -> Readiness,
        drain: @escaping @Sendable () -> Void
    ) {
        self.snapshot = snapshot
        self.readiness = readiness
        self.drain = drain
    }
}
