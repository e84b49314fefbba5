/// What `GET /stats` says, as far as the commands show it. Figures that the gateway does not have are 0 or empty: another
/// version may have others.
public struct StatsReading: Equatable, Sendable {
    public var version: String
    public var uptimeSeconds: Double
    public var isDraining: Bool
    public var residentBytes: Double
    public var active: Double
    public var acceptedTotal: Double
    public var closedTotal: Double
    /// By reason.
    public var rejectedTotal: [String: Double]
    /// Sorted by name.
    public var routes: [Route]
    /// Sorted by upstream, then address.
    public var servers: [Server]

    /// Counters of one route. Sizes are in bytes, times in seconds.
    public struct Route: Equatable, Sendable {
        public var name: String
        public var active = 0.0
        /// 0: no cap.
        public var maxConnections = 0.0
        public var acceptedTotal = 0.0
        public var messagesIn = 0.0
        public var messagesOut = 0.0
        public var bytesIn = 0.0
        public var bytesOut = 0.0
        public var requestsTotal = 0.0
        /// Of handshakes; nil: there was none.
        public var p50: Double?
        public var p99: Double?
    }

    /// How one server stands.
    public struct Server: Equatable, Sendable {
        public var upstream: String
        public var address: String
        /// `active`, `draining`, `down` or `removed`.
        public var state = ""
        public var isHealthy = false
        public var active = 0.0
        public var connections = 0.0
        public var failuresTotal = 0.0
        /// Why the latest check failed.
        public var reason: String?
    }

    /// nil: `json` is not what a gateway answers.
    public init?(json: [UInt8]) {
        guard let answer: Answer = AnswerDecoder.decoded(json) else { return nil }
        version = answer.version
        uptimeSeconds = answer.uptimeSeconds
        isDraining = answer.draining
        residentBytes = answer.residentMemoryBytes ?? 0
        active = answer.connections.active
        acceptedTotal = answer.connections.acceptedTotal ?? 0
        closedTotal = answer.connections.closedTotal ?? 0
        rejectedTotal = answer.connections.rejectedTotal ?? [:]
        routes = answer.routes.map { name, route in Route(name: name, route) }.sorted { $0.name < $1.name }
        servers = answer.upstreams.flatMap { name, upstream in
            upstream.servers.map { address, server in Server(upstream: name, address: address, server) }
        }.sorted { ($0.upstream, $0.address) < ($1.upstream, $1.address) }
    }

    // Its keys are those of the answer, whose words `_` separates.
    private struct Answer: Decodable {
        var version: String
        var uptimeSeconds: Double
        var draining: Bool
        var residentMemoryBytes: Double?
        var connections: Connections
        var routes: [String: RouteAnswer]
        var upstreams: [String: Upstream]
    }

    private struct Connections: Decodable {
        var active: Double
        var acceptedTotal: Double?
        var closedTotal: Double?
        var rejectedTotal: [String: Double]?
    }

    private struct Upstream: Decodable {
        var servers: [String: ServerAnswer]
    }

    fileprivate struct ServerAnswer: Decodable {
        struct Check: Decodable {
            var reason: String?
        }

        var state: String?
        var healthy: Bool?
        var active: Double?
        var connections: Double?
        var failuresTotal: Double?
        var check: Check?
    }

    fileprivate struct RouteAnswer: Decodable {
        struct Ways<Value: Decodable>: Decodable {
            var fromClient: Value?
            var toClient: Value?
        }

        struct Kinds: Decodable {
            var text: Double?
            var binary: Double?
            var total: Double { (text ?? 0) + (binary ?? 0) }
        }

        struct Requests: Decodable {
            var total: Double?
        }

        struct Handshakes: Decodable {
            var count: Double?
            var p50: Double?
            var p99: Double?
        }

        var active: Double?
        var maxConnections: Double?
        var acceptedTotal: Double?
        var messages: Ways<Kinds>?
        var bytes: Ways<Double>?
        var requests: Requests?
        var handshakeSeconds: Handshakes?
    }
}

extension StatsReading.Route {
    fileprivate init(name: String, _ answer: StatsReading.RouteAnswer) {
        self.name = name
        active = answer.active ?? 0
        maxConnections = answer.maxConnections ?? 0
        acceptedTotal = answer.acceptedTotal ?? 0
        messagesIn = answer.messages?.fromClient?.total ?? 0
        messagesOut = answer.messages?.toClient?.total ?? 0
        bytesIn = answer.bytes?.fromClient ?? 0
        bytesOut = answer.bytes?.toClient ?? 0
        requestsTotal = answer.requests?.total ?? 0
        if let handshakes = answer.handshakeSeconds, handshakes.count != 0 {
            p50 = handshakes.p50
            p99 = handshakes.p99
        }
    }
}

extension StatsReading.Server {
    fileprivate init(upstream: String, address: String, _ answer: StatsReading.ServerAnswer) {
        self.upstream = upstream
        self.address = address
        state = answer.state ?? "active"
        isHealthy = answer.healthy ?? false
        active = answer.active ?? 0
        connections = answer.connections ?? 0
        failuresTotal = answer.failuresTotal ?? 0
        reason = answer.check?.reason
    }
}
