#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// All counters at one moment, added up: what `GET /stats` gives. Times are in seconds, sizes in bytes.
public struct StatsSnapshot: Encodable, Equatable, Sendable {
    public var version: String
    public var uptimeSeconds: Double
    public var draining: Bool
    /// nil: not known, and left out.
    public var residentMemoryBytes: UInt64?
    /// nil: not known, and left out.
    public var process: ProcessSnapshot?
    public var build = BuildSnapshot()
    public var configuration: ConfigurationSnapshot
    public var limits: LimitsSnapshot
    /// How late each event loop comes to what it is to do at a certain time, in the order of the loops.
    public var eventLoopLags: [HistogramSnapshot]
    public var transports: TransportSnapshot
    /// In their order.
    public var eventLoops: [LoopSnapshot]
    public var http2: HTTP2Snapshot
    public var connections: ConnectionsSnapshot
    /// By name; those of former configurations included.
    public var listeners: [String: ListenerSnapshot]
    /// By name.
    public var routes: [String: RouteSnapshot]
    /// By name.
    public var upstreams: [String: UpstreamSnapshot]

    enum CodingKeys: String, CodingKey {
        case version, draining, process, build, configuration, limits, transports, http2, connections, listeners, routes
        case upstreams
        case eventLoopLags = "event_loop_lag_seconds"
        case uptimeSeconds = "uptime_seconds"
        case eventLoops = "event_loops"
        case residentMemoryBytes = "resident_memory_bytes"
    }

    /// One JSON object, its keys sorted.
    public func json() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // With this nothing is left that could fail to encode.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return (try? encoder.encode(self)).map(Array.init) ?? Array("{}".utf8)
    }
}

/// Transport connections (TCP or unix), whatever became of them; a WebSocket over HTTP/2 has none of its own.
public struct TransportSnapshot: Encodable, Equatable, Sendable {
    public var active: UInt64
    public var acceptedTotal: UInt64
    public var closedTotal: UInt64
    /// Those whose handshake is under way.
    public var handshaking: Int

    enum CodingKeys: String, CodingKey {
        case active, handshaking
        case acceptedTotal = "accepted_total"
        case closedTotal = "closed_total"
    }
}

/// WebSockets of all routes, and the clients that got none.
public struct ConnectionsSnapshot: Encodable, Equatable, Sendable {
    public var active: Int
    public var acceptedTotal: UInt64
    public var closedTotal: UInt64
    /// By reason.
    public var rejectedTotal: [String: UInt64]
    /// Reasons for it that may still come.
    var knownRejections: [String] = []

    enum CodingKeys: String, CodingKey {
        case active
        case acceptedTotal = "accepted_total"
        case closedTotal = "closed_total"
        case rejectedTotal = "rejected_total"
    }
}

/// How the servers of one upstream stand.
public struct UpstreamSnapshot: Encodable, Equatable, Sendable {
    public struct Server: Encodable, Equatable, Sendable {
        /// The name in the configuration, where it stands for several servers; nil: the server's key is what is there.
        public var name: String?
        /// `active`, `draining`, `down`, or `removed`: no configuration in force names it, or its name does not stand for it
        /// any more, and it still has connections.
        public var state: String
        public var healthy: Bool
        /// WebSockets to this server, those on their way included.
        public var active: Int
        /// Transport connections to this server.
        public var connections: Int
        /// Streams on those that are HTTP/2.
        public var streams: Int
        public var failuresTotal: Int
        /// WebSockets and requests that got a place on it since the start.
        public var takenTotal: UInt64 = 0
        /// The latest failure; nil: there was none.
        public var lastFailure: Failure?
        /// WebSockets at once as the configuration in force has it; 0: no cap; nil: no configuration names it.
        public var maxConnections: Int?
        public var weight: Int?
        /// nil: no checks are made.
        public var check: Check?

        public init(
            name: String? = nil, state: String = "active", healthy: Bool, active: Int, connections: Int,
            streams: Int = 0, failuresTotal: Int, check: Check? = nil
        ) {
            self.name = name
            self.state = state
            self.healthy = healthy
            self.active = active
            self.connections = connections
            self.streams = streams
            self.failuresTotal = failuresTotal
            self.check = check
        }

        enum CodingKeys: String, CodingKey {
            case name, state, healthy, active, connections, streams, check, weight
            case failuresTotal = "failures_total"
            case takenTotal = "taken_total"
            case lastFailure = "last_failure"
            case maxConnections = "max_connections"
        }
    }

    /// Why a server failed, and when.
    public struct Failure: Encodable, Equatable, Sendable {
        /// In words for whoever runs the gateway.
        public var reason: String
        public var ageSeconds: Double

        public init(reason: String, ageSeconds: Double) {
            self.reason = reason
            self.ageSeconds = ageSeconds
        }

        enum CodingKeys: String, CodingKey {
            case reason
            case ageSeconds = "age_seconds"
        }
    }

    /// What the checks of one server say.
    public struct Check: Encodable, Equatable, Sendable {
        /// `healthy`, `unhealthy`, or `unknown` before the first one says so.
        public var state: String
        /// Why the latest check failed; nil: it passed, or there was none.
        public var reason: String?
        /// How long the latest check took; nil: there was none.
        public var lastSeconds: Double?

        public init(state: String, reason: String?, lastSeconds: Double?) {
            self.state = state
            self.reason = reason
            self.lastSeconds = lastSeconds
        }

        enum CodingKeys: String, CodingKey {
            case state, reason
            case lastSeconds = "last_seconds"
        }
    }

    public var name: String
    /// Connections that had no local port, one for each address they could have come from.
    public var portsExhaustedTotal: Int
    /// By address.
    public var servers: [String: Server]

    /// Servers that share an address count as one: healthy if one of them is, their numbers added up.
    public init(name: String, portsExhaustedTotal: Int = 0, servers: [(address: String, server: Server)]) {
        self.name = name
        self.portsExhaustedTotal = portsExhaustedTotal
        self.servers = Dictionary(servers.map { ($0.address, $0.server) }) { first, second in
            var sum = Server(
                name: first.name, state: first.state, healthy: first.healthy || second.healthy,
                active: first.active &+ second.active, connections: first.connections &+ second.connections,
                streams: first.streams &+ second.streams,
                failuresTotal: first.failuresTotal &+ second.failuresTotal, check: first.check ?? second.check)
            sum.takenTotal = first.takenTotal &+ second.takenTotal
            sum.lastFailure = [first.lastFailure, second.lastFailure].compactMap { $0 }
                .min { $0.ageSeconds < $1.ageSeconds }
            sum.maxConnections = first.maxConnections ?? second.maxConnections
            sum.weight = first.weight ?? second.weight
            return sum
        }
    }

    enum CodingKeys: String, CodingKey {
        case servers
        case portsExhaustedTotal = "ports_exhausted_total"
    }
}
