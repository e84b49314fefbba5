public import GatewayTelemetry

/// What the admin endpoint asks of the gateway it belongs to.
public struct AdminSource: Sendable {
    /// Whether traffic should be sent here.
    public enum Readiness: String, Sendable {
        case ready
        /// Not listening yet.
        case starting
        case draining
        case noServerUp = "no server up"
    }

    public var snapshot: @Sendable () -> StatsSnapshot
    public var readiness: @Sendable () -> Readiness
    public var connections: @Sendable (ConnectionFilter) async -> [ConnectionSnapshot]
    /// Ends one WebSocket with a Close; false when there is none of that number.
    public var close: @Sendable (_ id: UInt64, _ code: UInt16, _ reason: String) async -> Bool
    /// Begins a drain; the process ends with it.
    public var drain: @Sendable () -> Void

    public init(
        snapshot: @escaping @Sendable () -> StatsSnapshot, readiness: @escaping @Sendable () -> Readiness,
        connections: @escaping @Sendable (ConnectionFilter) async -> [ConnectionSnapshot],
        close: @escaping @Sendable (_ id: UInt64, _ code: UInt16, _ reason: String) async -> Bool,
        drain: @escaping @Sendable () -> Void
    ) {
        self.snapshot = snapshot
        self.readiness = readiness
        self.connections = connections
        self.close = close
        self.drain = drain
    }
}
