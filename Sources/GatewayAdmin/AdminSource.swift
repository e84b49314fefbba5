public import GatewayTelemetry

/// What the admin endpoint asks of the gateway it belongs to.
///
/// Whatever changes something is told who asked for it, for the line in the log.
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
    public var connections: @Sendable (ConnectionFilter) async -> ConnectionList
    /// Ends one WebSocket with a Close; false when there is none of that number.
    public var close: @Sendable (_ id: UInt64, _ code: UInt16, _ reason: String, AdminCaller) async -> Bool
    /// Ends every WebSocket that the filter lets through; returns how many those are.
    public var closeMany: @Sendable (ClosingRequest, AdminCaller) async -> Int
    /// Reads the configuration again, and puts it in force unless `apply` is false.
    public var reload: @Sendable (_ apply: Bool, AdminCaller) async -> AdminReload
    /// Begins a drain; the process ends with it.
    public var drain: @Sendable (AdminCaller) -> Void
    /// Keeps new WebSockets from one server and sheds those it has, at a rate or at once.
    public var drainServer:
        @Sendable (_ upstream: String, _ server: String, _ perSecond: Double?, AdminCaller) async -> AdminShedding
    /// Ends that: the server gets new WebSockets again.
    public var undrainServer: @Sendable (_ upstream: String, _ server: String, AdminCaller) async -> AdminShedding
    /// Sheds what the fuller servers have over their share, at a rate or at once.
    public var rebalance: @Sendable (_ upstream: String, _ perSecond: Double?, AdminCaller) async -> AdminShedding
    public var dashboard: DashboardSource

    public init(
        snapshot: @escaping @Sendable () -> StatsSnapshot, readiness: @escaping @Sendable () -> Readiness,
        connections: @escaping @Sendable (ConnectionFilter) async -> ConnectionList,
        close: @escaping @Sendable (_ id: UInt64, _ code: UInt16, _ reason: String, AdminCaller) async -> Bool,
        closeMany: @escaping @Sendable (ClosingRequest, AdminCaller) async -> Int,
        reload: @escaping @Sendable (_ apply: Bool, AdminCaller) async -> AdminReload,
        drain: @escaping @Sendable (AdminCaller) -> Void,
        drainServer:
            @escaping @Sendable (_ upstream: String, _ server: String, _ perSecond: Double?, AdminCaller) async
            -> AdminShedding,
        undrainServer:
            @escaping @Sendable (_ upstream: String, _ server: String, AdminCaller) async -> AdminShedding,
        rebalance:
            @escaping @Sendable (_ upstream: String, _ perSecond: Double?, AdminCaller) async -> AdminShedding,
        dashboard: DashboardSource
    ) {
        self.snapshot = snapshot
        self.readiness = readiness
        self.connections = connections
        self.close = close
        self.closeMany = closeMany
        self.reload = reload
        self.drain = drain
        self.drainServer = drainServer
        self.undrainServer = undrainServer
        self.rebalance = rebalance
        self.dashboard = dashboard
    }
}

/// Who asked for a change.
public struct AdminCaller: Equatable, Sendable {
    /// The address of the peer without its port, or `unix`.
    public var peer: String
    /// Whether it gave a token, and the right one. Never, where none is configured.
    public var hasToken: Bool

    public init(peer: String, hasToken: Bool) {
        self.peer = peer
        self.hasToken = hasToken
    }
}

/// Which WebSockets to end, and how.
public struct ClosingRequest: Equatable, Sendable {
    /// At least one of route, server and address is set. The limit is none: all of them are meant.
    public var filter: ConnectionFilter
    /// One that may be sent (RFC 6455 §7.4).
    public var code: UInt16
    /// At most 123 bytes.
    public var reason: String
    /// How many a second, 0.001 to 1,000,000; nil: all at once.
    public var perSecond: Double?

    public init(filter: ConnectionFilter, code: UInt16, reason: String, perSecond: Double?) {
        self.filter = filter
        self.code = code
        self.reason = reason
        self.perSecond = perSecond
    }
}

/// What became of a reload. Each has the body of the answer, a JSON object.
public enum AdminReload: Equatable, Sendable {
    /// The file is good, and in force if that was asked for.
    case done([UInt8])
    /// Everything stays as it was.
    case refused([UInt8])
}

/// What becomes of a wish to shed WebSockets.
public enum AdminShedding: Equatable, Sendable {
    /// So many will be told to go.
    case begun(sockets: Int)
    /// No upstream has that name.
    case noUpstream
    /// The upstream has no server of that address.
    case noServer
    /// Why not, for whoever asked.
    case refused(String)
}
