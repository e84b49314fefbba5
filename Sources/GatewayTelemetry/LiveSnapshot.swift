#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the dashboard is told again and again.
public struct LiveSnapshot: Encodable, Sendable {
    /// Seconds since 1970.
    public var time: Double
    /// As `/readyz` says.
    public var readiness: String
    /// A reload is under way.
    public var reloading: Bool
    public var operations: [Operations.Snapshot]
    /// The slowest handshakes of the last hour, by route.
    public var slowHandshakes: [String: [HandshakeRecord]]
    public var stats: StatsSnapshot

    public init(
        time: Double, readiness: String, reloading: Bool = false, operations: [Operations.Snapshot] = [],
        slowHandshakes: [String: [HandshakeRecord]] = [:], stats: StatsSnapshot
    ) {
        self.time = time
        self.readiness = readiness
        self.reloading = reloading
        self.operations = operations
        self.slowHandshakes = slowHandshakes
        self.stats = stats
    }

    enum CodingKeys: String, CodingKey {
        case time, readiness, reloading, operations, stats
        case slowHandshakes = "slow_handshakes"
    }
}

/// One event loop at one moment.
public struct LoopSnapshot: Encodable, Equatable, Sendable {
    /// 0 to 1: the part of the last few seconds that its thread was at work.
    public var load: Double
    /// WebSockets open.
    public var active: Int
    /// Transport connections of clients.
    public var transports: UInt64

    public init(load: Double, active: Int, transports: UInt64) {
        self.load = load
        self.active = active
        self.transports = transports
    }
}
