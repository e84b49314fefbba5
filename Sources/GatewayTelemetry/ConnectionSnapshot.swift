#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One open WebSocket, as `GET /connections` lists it.
public struct ConnectionSnapshot: Encodable, Equatable, Sendable {
    /// One value for each leg.
    public struct Legs<Value: Encodable & Equatable & Sendable>: Encodable, Equatable, Sendable {
        public var client: Value
        public var server: Value

        public init(client: Value, server: Value) {
            self.client = client
            self.server = server
        }
    }

    /// One value for each direction.
    public struct Ways: Encodable, Equatable, Sendable {
        public var fromClient: Int
        public var toClient: Int

        public init(fromClient: Int, toClient: Int) {
            self.fromClient = fromClient
            self.toClient = toClient
        }

        enum CodingKeys: String, CodingKey {
            case fromClient = "from_client"
            case toClient = "to_client"
        }
    }

    /// The HTTP/2 connection that a leg is a stream of.
    public struct Shared: Encodable, Equatable, Sendable {
        public var id: UInt64
        /// Open now, this one included.
        public var streams: Int

        public init(id: UInt64, streams: Int) {
            self.id = id
            self.streams = streams
        }
    }

    /// Bytes that wait to be sent.
    public struct Queue: Encodable, Equatable, Sendable {
        public var toClient: Int
        public var toServer: Int

        public init(toClient: Int, toServer: Int) {
            self.toClient = toClient
            self.toServer = toServer
        }

        enum CodingKeys: String, CodingKey {
            case toClient = "to_client"
            case toServer = "to_server"
        }
    }

    public var id: UInt64
    public var requestID: String
    public var client: String
    public var listener: String
    /// What the client asked for: its `Host`, and the path without the query, each cut where it is long.
    public var host: String
    public var path: String
    public var route: String
    public var server: String
    public var `protocol`: Legs<String>
    /// The draft that the client speaks; nil: RFC 6455.
    public var legacyVersion: String?
    /// nil: the leg has a connection of its own.
    public var clientConnection: Shared?
    public var serverConnection: Shared?
    public var ageSeconds: Double
    public var messages: Ways
    /// Payload of messages, decompressed.
    public var bytes: Ways
    /// What was agreed with the client, or `none`.
    public var compression: String
    public var queue: Queue

    public init(
        id: UInt64, requestID: String, client: String, listener: String, host: String, path: String,
        route: String, server: String,
        protocol: Legs<String>, legacyVersion: String? = nil, clientConnection: Shared?, serverConnection: Shared?,
        ageSeconds: Double,
        messages: Ways, bytes: Ways, compression: String, queue: Queue
    ) {
        self.id = id
        self.requestID = requestID
        self.client = client
        self.listener = listener
        self.host = host
        self.path = path
        self.route = route
        self.server = server
        self.protocol = `protocol`
        self.legacyVersion = legacyVersion
        self.clientConnection = clientConnection
        self.serverConnection = serverConnection
        self.ageSeconds = ageSeconds
        self.messages = messages
        self.bytes = bytes
        self.compression = compression
        self.queue = queue
    }

    enum CodingKeys: String, CodingKey {
        case id, client, listener, host, path, route, server, `protocol`, messages, bytes, compression, queue
        case requestID = "request_id"
        case legacyVersion = "legacy_version"
        case clientConnection = "client_connection"
        case serverConnection = "server_connection"
        case ageSeconds = "age_seconds"
    }

    /// A JSON list, the keys of each object sorted.
    public static func json(_ connections: [ConnectionSnapshot]) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(connections)).map(Array.init) ?? Array("[]".utf8)
    }
}

/// Which open WebSockets are asked for.
public struct ConnectionFilter: Equatable, Sendable {
    /// The name of a route; nil: any.
    public var route: String?
    /// The address of a server as ``ConnectionSnapshot/server`` has it; nil: any.
    public var server: String?
    /// The address of a client; nil: any.
    public var ip: String?
    /// How many at most: 1 to 100,000.
    public var limit: Int
    /// Text that one of number, request, client, host with path, route, server, listener and compression has to contain;
    /// nil: any.
    public var search: String?
    public var sort: ConnectionSort
    /// nil: as ``ConnectionSort/isDescending`` says.
    public var descending: Bool?
    /// How many to pass over: 0 to 1,000,000.
    public var offset: Int

    public static let maximumOffset = 1_000_000
    /// Of ``search``, in bytes.
    public static let maximumSearch = 256
    public static let defaultLimit = 1000
    public static let maximumLimit = 100_000

    public init(
        route: String? = nil, server: String? = nil, ip: String? = nil, limit: Int = defaultLimit,
        search: String? = nil, sort: ConnectionSort = .age, descending: Bool? = nil, offset: Int = 0
    ) {
        self.route = route
        self.server = server
        self.ip = ip
        self.limit = limit
        self.search = search
        self.sort = sort
        self.descending = descending
        self.offset = offset
    }
}
