/// HTTP/2 connections and their streams: those of clients, and those to servers.
public struct HTTP2Snapshot: Encodable, Equatable, Sendable {
    public struct Side: Encodable, Equatable, Sendable {
        /// Open now.
        public var connections: UInt64
        public var connectionsTotal: UInt64
        /// Open now, requests that are no WebSockets included.
        public var streams: Int
        public var streamsTotal: UInt64
        /// Connections that failed, by the error code of their GOAWAY (RFC 9113 §7).
        public var errorsTotal: [String: UInt64]

        enum CodingKeys: String, CodingKey {
            case connections, streams
            case connectionsTotal = "connections_total"
            case streamsTotal = "streams_total"
            case errorsTotal = "errors_total"
        }

        init(_ loops: [HTTP2Counters], _ failures: HTTP2Failures) {
            let closed = loops.reduce(0) { $0 &+ $1.connectionsClosed.value }
            let opened = loops.reduce(0) { $0 &+ $1.connectionsOpened.value }
            // Loops go on counting between the two readings.
            connections = opened >= closed ? opened - closed : 0
            connectionsTotal = opened
            streams = loops.reduce(0) { $0 &+ $1.streams.value }
            streamsTotal = loops.reduce(0) { $0 &+ $1.streamsOpened.value }
            errorsTotal = failures.counts
        }
    }

    public var client: Side
    public var server: Side
}
