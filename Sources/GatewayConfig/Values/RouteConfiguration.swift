/// One route: what it matches, where it leads, and the settings of the connections it carries.
public struct RouteConfiguration: Equatable, Sendable {
    public var name: String
    public var match: RouteMatchConfiguration
    public var action: RouteAction
    public var rewrite: PathRewrite?
    public var origins: OriginPolicy?
    /// WebSockets of this route at once; 0: no cap.
    public var maxConnections: Int
    /// WebSockets of this route from one client address at once; 0: no cap.
    public var maxConnectionsPerIP: Int
    /// Whether requests that are no WebSockets go to the upstream; false: they get 426.
    public var http: Bool
    /// Of the body of such a request, in bytes; 0: no cap.
    public var maxBodySize: Int
    /// Such requests of this route under way at once; 0: no cap.
    public var maxRequests: Int
    /// nil: who comes while a cap is reached is refused.
    public var queue: QueueConfiguration?
    public var session: SessionSettings
    public var requestHeaders: HeaderEdits
    public var responseHeaders: HeaderEdits
    /// What becomes of the WebSockets of this route when another configuration takes over.
    public var onChange: OnChange
    /// The drafts that clients may speak beside RFC 6455, over HTTP/1.1. Each at most once.
    public var legacyVersions: [LegacyVersion]

    public init(
        name: String, match: RouteMatchConfiguration = .init(), action: RouteAction, rewrite: PathRewrite? = nil,
        origins: OriginPolicy? = nil, maxConnections: Int = 0, maxConnectionsPerIP: Int = 0, http: Bool = true,
        maxBodySize: Int = 0, maxRequests: Int = 0, queue: QueueConfiguration? = nil,
        session: SessionSettings = .init(), requestHeaders: HeaderEdits = .init(),
        responseHeaders: HeaderEdits = .init(), onChange: OnChange = .init(), legacyVersions: [LegacyVersion] = []
    ) {
        self.name = name
        self.match = match
        self.action = action
        self.rewrite = rewrite
        self.origins = origins
        self.maxConnections = maxConnections
        self.maxConnectionsPerIP = maxConnectionsPerIP
        self.http = http
        self.maxBodySize = maxBodySize
        self.maxRequests = maxRequests
        self.queue = queue
        self.session = session
        self.requestHeaders = requestHeaders
        self.responseHeaders = responseHeaders
        self.onChange = onChange
        self.legacyVersions = legacyVersions
    }
}

/// A draft of the protocol that browsers spoke before RFC 6455, by its `Sec-WebSocket-Version`; hixie-76 has none.
public enum LegacyVersion: String, CaseIterable, Sendable {
    case version8 = "8"
    case version7 = "7"
    case hixie76 = "hixie-76"
}

/// The conditions of a route; all that are given must hold.
public struct RouteMatchConfiguration: Equatable, Sendable {
    /// Compared with `NormalizedPath.comparable` of a request's path, and written like that.
    public enum Path: Equatable, Sendable {
        /// The path is this one.
        case exact(String)
        /// The path is this one, or goes on below it at a `/`: `/chat` matches `/chat` and `/chat/x`, not `/chats`.
        case prefix(String)
        /// The whole path matches this regular expression (checked to compile).
        case regex(String)
    }

    /// Lower case, without port; `*.example.com` matches any name below it. Empty: any host.
    public var hosts: [String]
    /// nil: any path.
    public var path: Path?
    /// Field name (lower case) to the exact value it must have.
    public var headers: [String: String]
    /// Query parameter to the exact, percent-decoded value it must have.
    public var query: [String: String]
    /// The client must offer at least one of these. Empty: no condition.
    public var subprotocols: [String]
    /// The request must have come in by one of these, each the name of a listener. Empty: any listener.
    public var listeners: [String]

    public init(
        hosts: [String] = [], path: Path? = nil, headers: [String: String] = [:], query: [String: String] = [:],
        subprotocols: [String] = [], listeners: [String] = []
    ) {
        self.hosts = hosts
        self.path = path
        self.headers = headers
        self.query = query
        self.subprotocols = subprotocols
        self.listeners = listeners
    }
}

public enum RouteAction: Equatable, Sendable {
    /// WebSockets, and other requests unless `http` is off, are proxied to the upstream of this name.
    case upstream(String)
    /// Every request is answered with a redirect: `status` is 301, 302, 303, 307 or 308.
    case redirect(status: Int, location: String)
    /// Every request is answered with this. `status` is 200 to 599.
    case respond(FixedResponse)
    /// Each WebSocket has a program of its own.
    case command(CommandConfiguration)
}

public struct FixedResponse: Equatable, Sendable {
    /// Those that a final response can have and an answer of a server's own should.
    public static let statuses = 200...599
    /// The `Content-Type` of a body for which none is given.
    static let usualContentType = "text/plain; charset=utf-8"

    public var status: Int
    public var headers: [String: String]
    public var body: String

    public init(status: Int = 200, headers: [String: String] = [:], body: String = "") {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// How the path that the server sees is made from the client's; the query is always kept. The prefixes that are looked
/// for are written as `NormalizedPath.comparable`.
public enum PathRewrite: Equatable, Sendable {
    case stripPrefix(String)
    case replacePrefix(from: String, to: String)
    case path(String)
}

/// Which `Origin` values (RFC 6454, RFC 6455 §4.1) may connect.
public struct OriginPolicy: Equatable, Sendable {
    /// `scheme://host[:port]` in lower case, the scheme's default port left out; `scheme://*.host[:port]` for every name
    /// below a host; `null`, `file://`; or `*` for any. Never empty in a validated configuration.
    public var allowed: [String]
    /// Whether a request without `Origin`, or with an empty one (no browser sends either), may connect.
    public var allowMissing: Bool

    public init(allowed: [String], allowMissing: Bool = true) {
        self.allowed = allowed
        self.allowMissing = allowMissing
    }
}

/// Header fields to set and to remove. Names in lower case; `remove` happens first.
public struct HeaderEdits: Equatable, Sendable {
    public var set: [String: String]
    public var remove: [String]

    public init(set: [String: String] = [:], remove: [String] = []) {
        self.set = set
        self.remove = remove
    }
}

/// What holds for each connection of a route while it lives.
public struct SessionSettings: Equatable, Sendable {
    /// Payload of one message after decompression, in bytes; at most 2 GiB.
    public var maxMessageSize = 16 * 1024 * 1024
    /// No frame from either side for this long ends the connection; zero: never.
    public var idleTimeout: Duration = .seconds(300)
    /// Zero: no limit.
    public var maxLifetime: Duration = .zero
    /// The gateway's own pings on each leg that has been quiet for this long; zero: none.
    public var pingInterval: Duration = .seconds(30)
    /// How long a peer may stay silent after the gateway's ping.
    public var pongTimeout: Duration = .seconds(10)
    /// Close sent to Close received (RFC 6455 §7.1.2).
    public var closeTimeout: Duration = .seconds(5)
    /// Whether text messages are checked to be UTF-8 (RFC 6455 §8.1).
    public var validateUTF8 = true
    public var compression = CompressionSettings()

    public init() {}
}

/// permessage-deflate (RFC 7692) on a route.
public struct CompressionSettings: Equatable, Sendable {
    public enum Mode: String, CaseIterable, Sendable {
        /// The gateway negotiates and compresses on the client's leg itself.
        case terminate
        /// The client's offer and the server's choice go through, and are checked.
        case passthrough
        /// Never negotiated.
        case off
    }

    public var mode: Mode = .terminate
    /// LZ77 window the gateway compresses with, and asks clients to keep to: 9 to 15.
    public var windowBits = 12
    /// zlib's memLevel: 1 to 9.
    public var memoryLevel = 5
    /// How hard zlib looks for what repeats: 1 (least CPU) to 9 (smallest).
    public var level = 6
    public var contextTakeover = true
    /// Messages shorter than this many bytes go uncompressed.
    public var threshold = 128
    /// Decompressed to compressed size past which a message is refused with 1009, once it has passed 64 KiB; 0: no limit.
    public var maxRatio = 0
    /// Whether permessage-deflate is offered to the server as well (`terminate` only).
    public var upstream = false

    public init() {}
}
