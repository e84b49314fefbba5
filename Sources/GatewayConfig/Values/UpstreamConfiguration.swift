/// A group of servers that WebSockets and requests are proxied to.
public struct UpstreamConfiguration: Equatable, Sendable {
    /// How servers are spoken to.
    public enum ServerProtocol: String, CaseIterable, Sendable {
        case http1 = "http/1.1"
        /// WebSockets share HTTP/2 connections (RFC 8441); servers without that are refused.
        case http2 = "h2"
        /// HTTP/2 where a server has it, else HTTP/1.1.
        case auto
    }

    public var name: String
    public var `protocol`: ServerProtocol
    public var balance: Balance
    /// How long a server that is new, or has recovered, takes to get its full share; 0: at once.
    public var slowStart: Duration
    /// nil: clients don't come back to the server they had.
    public var sticky: StickyConfiguration?
    /// Never empty.
    public var servers: [ServerConfiguration]
    /// nil: cleartext.
    public var tls: UpstreamTLS?
    public var connectTimeout: Duration
    /// Upgrade sent to response head received.
    public var responseTimeout: Duration
    /// The same for plain requests, from the end of their content. Longer by default: a long-poll is answered only when
    /// there is news.
    public var plainResponseTimeout: Duration
    /// Other servers tried after the first, before anything was sent to the client.
    public var retries: Int
    /// How often the addresses of named servers are looked up again.
    public var dnsRefresh: Duration
    public var http1: UpstreamHTTP1
    public var http2: UpstreamHTTP2
    /// What `Host` or `:authority` the servers get.
    public var host: SentHost
    public var proxyProtocol: SentProxyProtocol
    /// IP addresses of this machine, without brackets, to connect from in turn; empty: the system chooses.
    public var source: [String]
    /// nil: servers are known by their clients, and by a look now and then.
    public var healthCheck: HealthCheck?

    public init(
        name: String, protocol: ServerProtocol = .http1, balance: Balance = .leastConnections,
        slowStart: Duration = .zero, sticky: StickyConfiguration? = nil, servers: [ServerConfiguration],
        tls: UpstreamTLS? = nil,
        connectTimeout: Duration = .seconds(2), responseTimeout: Duration = .seconds(10),
        plainResponseTimeout: Duration = .seconds(120), retries: Int = 2,
        dnsRefresh: Duration = .seconds(30), http1: UpstreamHTTP1 = .init(), http2: UpstreamHTTP2 = .init(),
        host: SentHost = .client, proxyProtocol: SentProxyProtocol = .off, source: [String] = [],
        healthCheck: HealthCheck? = nil
    ) {
        self.name = name
        self.protocol = `protocol`
        self.balance = balance
        self.slowStart = slowStart
        self.sticky = sticky
        self.servers = servers
        self.tls = tls
        self.connectTimeout = connectTimeout
        self.responseTimeout = responseTimeout
        self.plainResponseTimeout = plainResponseTimeout
        self.retries = retries
        self.dnsRefresh = dnsRefresh
        self.http1 = http1
        self.http2 = http2
        self.host = host
        self.proxyProtocol = proxyProtocol
        self.source = source
        self.healthCheck = healthCheck
    }
}

/// The HTTP/1.1 connections to each server, of each event loop, that wait for their next request. A WebSocket takes its
/// connection for itself.
public struct UpstreamHTTP1: Equatable, Sendable {
    /// Connections kept at once, 0 to 10,000; 0: each request has a connection of its own.
    public var maxIdle = 64
    /// How long one is kept; never zero.
    public var idleTimeout: Duration = .seconds(60)

    public init() {}
}

/// The shared connections to each server, of each event loop.
public struct UpstreamHTTP2: Equatable, Sendable {
    /// 1 to 100.
    public var maxConnections = 2
    /// WebSockets on one connection, whatever more the server would take: 1 to 100,000.
    public var maxStreams = 1000
    /// A connection on which nothing came for so long is sent a PING; 0: never.
    public var pingInterval: Duration = .seconds(30)
    /// PING sent to anything received; then the connection is given up.
    public var pingTimeout: Duration = .seconds(10)
    /// How long a connection without a WebSocket is kept.
    public var idleTimeout: Duration = .seconds(60)

    public init() {}
}

public struct ServerConfiguration: Equatable, Sendable {
    /// Whether the server takes part.
    public enum State: String, CaseIterable, Sendable {
        case active
        /// It gets no new WebSockets, and those that it has are closed at the pace of a drain.
        case draining
        /// It gets no new WebSockets, and those that it has are closed at once.
        case down
    }

    public var address: Address
    /// Share of the connections relative to the other servers: 1 to 1000.
    public var weight: Int
    /// Connections to this server at once; 0: no cap.
    public var maxConnections: Int
    /// The group it belongs to, 0 to 100; 0 comes first. Others get connections when no server of a lower one takes any.
    public var priority: Int
    public var state: State

    public init(
        address: Address, weight: Int = 1, maxConnections: Int = 0, priority: Int = 0, state: State = .active
    ) {
        self.address = address
        self.weight = weight
        self.maxConnections = maxConnections
        self.priority = priority
        self.state = state
    }
}
