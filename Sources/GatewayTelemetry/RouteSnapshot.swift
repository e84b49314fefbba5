/// What one route counted on all event loops. Times are in seconds, sizes in bytes.
public struct RouteSnapshot: Encodable, Equatable, Sendable {
    /// Messages or bytes of both directions of the client's leg.
    public struct BothWays<Count: Encodable & Equatable & Sendable>: Encodable, Equatable, Sendable {
        public var fromClient: Count
        public var toClient: Count

        enum CodingKeys: String, CodingKey {
            case fromClient = "from_client"
            case toClient = "to_client"
        }
    }

    /// Messages by opcode (RFC 6455 §5.6).
    public struct ByKind: Encodable, Equatable, Sendable {
        public var text: UInt64
        public var binary: UInt64
    }

    /// permessage-deflate (RFC 7692).
    public struct Compression: Encodable, Equatable, Sendable {
        public var active: Int
        public var messagesCompressed: UInt64
        public var bytesBefore: UInt64
        public var bytesAfter: UInt64
        public var messagesInflated: UInt64
        public var inflatedBytesBefore: UInt64
        public var inflatedBytesAfter: UInt64
        public var memoryBytes: Int

        enum CodingKeys: String, CodingKey {
            case active
            case messagesCompressed = "messages_compressed"
            case bytesBefore = "bytes_before"
            case bytesAfter = "bytes_after"
            case messagesInflated = "messages_inflated"
            case inflatedBytesBefore = "inflated_bytes_before"
            case inflatedBytesAfter = "inflated_bytes_after"
            case memoryBytes = "memory_bytes"
        }
    }

    /// WebSockets open, by the HTTP version of their legs.
    public struct Protocols: Encodable, Equatable, Sendable {
        public struct Leg: Encodable, Equatable, Sendable {
            public var http1: Int
            public var http2: Int

            /// - Parameter others: those that speak no HTTP there.
            init(active: Int, http2: Int, others: Int = 0) {
                // Loops go on counting between the readings.
                http1 = max(0, active - http2 - others)
                self.http2 = http2
            }

            enum CodingKeys: String, CodingKey {
                case http1 = "http/1.1"
                case http2 = "h2"
            }
        }

        public var client: Leg
        public var server: Leg
    }

    /// Plain HTTP requests.
    public struct Requests: Encodable, Equatable, Sendable {
        public var active: Int
        /// 0: no cap.
        public var maxRequests: Int
        public var total: UInt64
        /// By class, `1xx` to `5xx`. A request that ended without an answer is in none.
        public var statuses: [String: UInt64]
        /// Of bodies.
        public var bytes: BothWays<UInt64>
        public var seconds: HistogramSnapshot

        enum CodingKeys: String, CodingKey {
            case active, total, statuses, bytes, seconds
            case maxRequests = "max_requests"
        }
    }

    /// Processes of a route that leads to a command.
    public struct Commands: Encodable, Equatable, Sendable {
        public var running: Int
        public var startedTotal: UInt64
        /// Could not be started, or ended with another status than 0 of their own accord.
        public var failedTotal: UInt64

        enum CodingKeys: String, CodingKey {
            case running
            case startedTotal = "started_total"
            case failedTotal = "failed_total"
        }
    }

    /// WebSockets.
    public var active: Int
    /// 0: no cap.
    public var maxConnections: Int
    public var acceptedTotal: UInt64
    public var closedTotal: UInt64
    /// Of those accepted, the ones whose client speaks a draft, by its version.
    public var legacyTotal: [String: UInt64]
    public var protocols: Protocols
    public var messages: BothWays<ByKind>
    public var bytes: BothWays<UInt64>
    public var compression: Compression
    /// By name, as clients offered them.
    public var extensionsRefused: [String: UInt64]
    /// By side (``CloseSide``), then by code.
    public var closeCodes: [String: [String: UInt64]]
    /// Clients that got no WebSocket and no answer of a server, by reason.
    public var rejectedTotal: [String: UInt64]
    /// WebSockets opened, by the subprotocol that was agreed on.
    public var subprotocols: [String: UInt64]
    public var handshakeSeconds: HistogramSnapshot
    public var requests: Requests
    /// nil: the route leads to no command.
    public var commands: Commands?

    enum CodingKeys: String, CodingKey {
        case active, protocols, messages, bytes, compression, requests, commands, subprotocols
        case maxConnections = "max_connections"
        case acceptedTotal = "accepted_total"
        case closedTotal = "closed_total"
        case legacyTotal = "legacy_total"
        case extensionsRefused = "extensions_refused"
        case closeCodes = "close_codes"
        case rejectedTotal = "rejected_total"
        case handshakeSeconds = "handshake_seconds"
    }
}
