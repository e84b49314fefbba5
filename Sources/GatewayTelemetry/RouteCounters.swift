import Synchronization

/// Who sent a close code.
public enum CloseSide: String, CaseIterable, Sendable {
    case client, server, gateway
}

/// What one route counts on one event loop. The counters, gauges and durations are written by that loop alone; the
/// functions may be called from any thread, once a connection.
public final class RouteCounters: Sendable {
    /// WebSockets opened.
    public let accepted = Counter()
    /// WebSockets ended.
    public let closed = Counter()
    /// WebSockets open.
    public let active = Gauge()
    /// Those whose client's leg, or server's leg, is a stream of an HTTP/2 connection.
    public let activeHTTP2Client = Gauge()
    public let activeHTTP2Server = Gauge()

    /// Commands of the route: their processes that run, those that were started, and those that could not be started or
    /// ended with another status than 0 of their own accord.
    public let commandsRunning = Gauge()
    public let commandsStarted = Counter()
    public let commandsFailed = Counter()
    /// WebSockets open whose server is a command.
    public let activeCommands = Gauge()

    public let messagesFromClientText = Counter()
    public let messagesFromClientBinary = Counter()
    public let messagesToClientText = Counter()
    public let messagesToClientBinary = Counter()

    /// Bytes on the client's leg after the handshake.
    public let bytesFromClient = Counter()
    public let bytesToClient = Counter()

    /// WebSockets with compression agreed.
    public let compressionActive = Gauge()
    public let messagesCompressed = Counter()
    /// Payload of compressed messages before and after the gateway compressed them.
    public let compressionBytesBefore = Counter()
    public let compressionBytesAfter = Counter()
    public let messagesInflated = Counter()
    /// Payload of compressed messages before and after the gateway inflated them.
    public let inflatedBytesBefore = Counter()
    public let inflatedBytesAfter = Counter()
    /// zlib state held now, in bytes.
    public let compressionMemory = Gauge()

    /// From accepting a connection, or the head of an HTTP/2 request, to the answer that opened the WebSocket.
    public let handshakes = DurationHistogram()

    /// Of ``handshakes``, and of plain requests.
    let handshakeExemplars = Exemplars()
    let requestExemplars = Exemplars()

    /// Plain HTTP.
    let requests = RequestCounters()

    /// More codes than this on one side count as "other": applications have a thousand to choose from.
    static let maximumCloseCodes = 64
    static let maximumExtensions = 32

    struct Rare: Sendable {
        var closeCodes: [CloseSide: BoundedTally] = [:]
        var extensionsRefused = BoundedTally(maximumNames: RouteCounters.maximumExtensions)
        var legacyVersions = BoundedTally(maximumNames: RouteCounters.maximumExtensions)
        var rejected = BoundedTally(maximumNames: Telemetry.maximumRejectionKeys)
        var subprotocols = BoundedTally(maximumNames: RouteCounters.maximumExtensions)
        var slowHandshakes = SlowHandshakes()
    }

    private let rare = Mutex(Rare())

    public init() {}

    /// A handshake that ``handshakes`` has counted was that of this request.
    ///
    /// - Parameter time: seconds since 1970.
    public func openedBy(_ requestID: String, microseconds: UInt64, at time: Double) {
        handshakeExemplars.note(
            Exemplar(requestID: requestID, seconds: Double(microseconds) / 1e6, time: time), microseconds: microseconds)
    }

    /// A plain request that ended was this one.
    ///
    /// - Parameter time: seconds since 1970.
    public func served(_ requestID: String, microseconds: UInt64, at time: Double) {
        requestExemplars.note(
            Exemplar(requestID: requestID, seconds: Double(microseconds) / 1e6, time: time), microseconds: microseconds)
    }

    /// A WebSocket ended with a close code of that side's: one it sent, or 1005 or 1006 for what it did not
    /// (RFC 6455 §7.1.5).
    public func closed(code: UInt16, by side: CloseSide) {
        rare.withLock {
            $0.closeCodes[side, default: BoundedTally(maximumNames: Self.maximumCloseCodes)].add(String(code))
        }
    }

    /// An extension was offered and left out of the answer. Names are counted in lower case, up to 32 of them of at
    /// most 64 bytes; the rest are "other".
    public func refusedExtension(_ name: String) {
        rare.withLock { $0.extensionsRefused.add(name.lowercased()) }
    }

    /// A WebSocket was opened by a client of a draft, which has this name: one of few.
    public func acceptedLegacy(version: String) {
        rare.withLock { $0.legacyVersions.add(version) }
    }

    /// A client of this route was refused; `key` is the reason in snake case.
    public func rejected(_ key: String) {
        rare.withLock { $0.rejected.add(key) }
    }

    /// A WebSocket was opened with this subprotocol (RFC 6455 §1.9). Names are counted up to 32 of at most 64 bytes; the
    /// rest are "other".
    public func opened(subprotocol: String) {
        rare.withLock { $0.subprotocols.add(subprotocol) }
    }

    /// A handshake took so long; what else is to be known of it is asked only where it is one of the slowest.
    ///
    /// - Parameters:
    ///   - seconds: its duration.
    ///   - time: seconds since 1970.
    public func tookHandshake(_ seconds: Double, at time: Double, _ record: () -> HandshakeRecord) {
        rare.withLock { rare in
            if rare.slowHandshakes.keeps(seconds, now: time) { rare.slowHandshakes.add(record()) }
        }
    }

    /// The counts that are behind the lock.
    func rareCounts() -> Rare {
        rare.withLock { $0 }
    }
}

/// What one event loop counts of the connections it accepts, whatever comes of them. Written by that loop alone.
public final class LoopCounters: Sendable {
    /// Transport connections (TCP or unix) accepted and ended.
    public let transportsAccepted = Counter()
    public let transportsClosed = Counter()
    /// Transport connections, and streams of HTTP/2 connections, whose handshake is under way.
    public let handshaking = Gauge()
    /// How late the loop comes to what it is to do at a certain time.
    public let lag = DurationHistogram()
    /// HTTP/2 connections of clients, and to servers.
    public let http2Client = HTTP2Counters()
    public let http2Server = HTTP2Counters()

    /// The part of the last few seconds that the loop's thread was at work, in thousandths: 0 to 1000.
    public let load = SharedGauge()

    /// The most transport connections there were at once since it was last taken. Also written by who takes it, who may
    /// miss one that is accepted at that moment.
    private let transportsPeak = Atomic<UInt64>(0)

    public init() {}

    /// A transport connection was accepted. From the loop alone.
    public func transportAccepted() {
        transportsAccepted.add()
        let active = transportsActive
        if active > transportsPeak.load(ordering: .relaxed) { transportsPeak.store(active, ordering: .relaxed) }
    }

    /// Transport connections open now.
    var transportsActive: UInt64 {
        // The loop goes on counting between the two readings.
        let closed = transportsClosed.value
        let accepted = transportsAccepted.value
        return accepted >= closed ? accepted - closed : 0
    }

    /// The most there were at once since this was last asked.
    func takeTransportsPeak() -> UInt64 {
        max(transportsPeak.exchange(transportsActive, ordering: .relaxed), transportsActive)
    }
}
