import Synchronization

/// HTTP/2 connections of one side on one event loop, and their streams. Written by that loop alone.
public final class HTTP2Counters: Sendable {
    public let connectionsOpened = Counter()
    public let connectionsClosed = Counter()
    public let streamsOpened = Counter()
    /// Streams open.
    public let streams = Gauge()

    public init() {}
}

/// HTTP/2 connections of one side that failed, by the error code of their GOAWAY (RFC 9113 §7).
public final class HTTP2Failures: Sendable {
    private let tally = Mutex(BoundedTally(maximumNames: 32))

    public init() {}

    /// Any thread, once a connection.
    public func failed(_ code: String) { tally.withLock { $0.add(code) } }

    var counts: [String: UInt64] { tally.withLock { $0.counts } }
}
