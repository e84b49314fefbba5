/// A whole configuration file, validated: every reference resolves, every number is in range, every
/// default is filled in.
public struct GatewayConfiguration: Equatable, Sendable {
    public var listeners: [ListenerConfiguration]
    public var admin: AdminConfiguration?
    public var limits: ProcessLimits
    public var routes: [RouteConfiguration]
    public var upstreams: [UpstreamConfiguration]
    public var log: LogConfiguration
    public var drain: DrainConfiguration
    /// What the file may say, though hardly anyone wants it; sorted by line, then column.
    public var warnings: [ConfigurationIssue] = []

    public init(
        listeners: [ListenerConfiguration], admin: AdminConfiguration? = nil, limits: ProcessLimits = .init(),
        routes: [RouteConfiguration], upstreams: [UpstreamConfiguration] = [], log: LogConfiguration = .init(),
        drain: DrainConfiguration = .init()
    ) {
        self.listeners = listeners
        self.admin = admin
        self.limits = limits
        self.routes = routes
        self.upstreams = upstreams
        self.log = log
        self.drain = drain
    }
}

/// The admin endpoint: stats, metrics and health.
public struct AdminConfiguration: Equatable, Sendable {
    public var address: Address
    /// Of the socket's file, where the address is one of a unix socket.
    public var access: UnixSocketAccess
    /// When set, every path but `/healthz` and `/readyz` wants `Authorization: Bearer` with it. Never empty.
    public var token: String?
    /// Names, lower case, by which requests that change something, or come from a page, may name the endpoint;
    /// `localhost` and IP addresses always may.
    public var hosts: [String]
    /// An absolute path of at most 107 bytes: the unix socket over which a new process takes the listening sockets; nil:
    /// none does.
    public var takeoverSocket: String?

    public init(
        address: Address, token: String? = nil, hosts: [String] = [], access: UnixSocketAccess = UnixSocketAccess(),
        takeoverSocket: String? = nil
    ) {
        self.address = address
        self.access = access
        self.token = token
        self.hosts = hosts
        self.takeoverSocket = takeoverSocket
    }
}

/// Limits of the whole process.
public struct ProcessLimits: Equatable, Sendable {
    /// Proxied connections at once.
    public var maxConnections = 10_000
    /// Proxied connections at once from one client address; 0: no cap.
    public var maxConnectionsPerIP = 0
    /// Handshakes a second; 0: no cap.
    public var maxHandshakesPerSecond = 0
    /// Accept to 101, TLS included.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long a client's HTTP/1.1 connection may wait for its next request; zero: it ends with the first.
    public var keepAliveTimeout: Duration = .seconds(60)
    /// Request line and header fields of one request, in bytes.
    public var maxHeaderSize = 16 * 1024
    /// All zlib state, in bytes.
    public var compressionMemory = 256 * 1024 * 1024
    /// Event loops, each with a thread of its own; 0: one for each core that the process may use. Read at the start
    /// alone.
    public var eventLoops = 0

    public init() {}
}

/// What is logged, and how.
public struct LogConfiguration: Equatable, Sendable {
    public enum Level: String, CaseIterable, Sendable { case trace, debug, info, notice, warning, error, critical }
    public enum Format: String, CaseIterable, Sendable { case json, text }
    /// Fields that may be kept from whoever reads the log.
    public enum Field: String, CaseIterable, Sendable {
        case client, host, path, query, origin, subprotocol, server, reason
        case userAgent = "user_agent"
        case requestID = "request_id"
        case traceID = "trace_id"
    }
    /// What a field shows in place of its value.
    public enum Redaction: String, CaseIterable, Sendable {
        /// The same for every value.
        case hide
        /// The same for the same value, as long as the process runs.
        case hash
    }

    public var level: Level = .info
    /// nil: text where standard error is a terminal, else JSON.
    public var format: Format?
    /// Lines about requests that were served, and about WebSockets when they open and when they end.
    public var access = true
    /// Whether lines about requests have the query of the target.
    public var query = false
    /// The share of those lines that is written, from 0 to 1. Faults are always written.
    public var sample = 1.0
    public var redact: [Field: Redaction] = [:]

    public init() {}
}

/// How a drain ends the connections that are open.
public struct DrainConfiguration: Equatable, Sendable {
    /// From the signal to the first Close, and before `timeout` begins: `/readyz` says that the gateway leaves, and who
    /// still comes is served. At most 365 days.
    public var delay: Duration = .zero
    /// From the end of `delay` to the last connection cut.
    public var timeout: Duration = .seconds(30)
    /// The Closes are spread evenly over this time, so that not everyone reconnects at once; at most `timeout`.
    public var spread: Duration = .seconds(10)
    /// The close code (RFC 6455 §7.4) sent to both sides: 1001 or 1012.
    public var code: UInt16 = 1012

    public init() {}
}
