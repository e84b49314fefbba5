import Synchronization

/// Every counter of the process: one set for each event loop and route, so that counting costs no more than adding, and
/// a snapshot that adds them up.
public final class Telemetry: Sendable {
    static let maximumRejectionKeys = 64

    private struct Routes {
        var byName: [String: (route: RouteTelemetry, uses: Int)] = [:]
        /// What routes have counted that are gone: the totals of the process never go back.
        var goneAccepted: UInt64 = 0
        var goneClosed: UInt64 = 0
    }

    public let version: String
    /// HTTP/2 connections that ended because a rule was broken.
    public let http2Client = HTTP2Failures()
    public let http2Server = HTTP2Failures()
    public let reloads = ReloadCounters()
    /// `limits.max_connections` of the configuration in force. Any thread.
    public let maxConnections = SharedGauge()
    /// `limits.compression_memory` of the configuration in force, in bytes; 0: none. Any thread.
    public let compressionMemoryLimit = SharedGauge()
    /// Reasons that clients may be refused for.
    private let rejections: [String]
    private let loops: [LoopCounters]
    private let routes = Mutex(Routes())
    private let listeners = ListenerCounters()
    private let rejected = Mutex(BoundedTally(maximumNames: Telemetry.maximumRejectionKeys))

    /// - Parameters:
    ///   - loops: number of event loops, at least 1.
    ///   - version: of the program.
    ///   - rejections: reasons that clients may be refused for, as ``rejected(_:listener:)`` takes them.
    public init(loops: Int, version: String, rejections: [String] = []) {
        self.version = version
        self.rejections = rejections
        self.loops = (0..<max(1, loops)).map { _ in LoopCounters() }
    }

    /// The counters of a route, found again by its name, or new ones. They stay until ``release(_:)`` was called as often
    /// as this. Any thread.
    public func acquire(route name: String) -> RouteTelemetry {
        routes.withLock { routes in
            let route = routes.byName[name]?.route ?? RouteTelemetry(name: name, loops: loops.count)
            routes.byName[name] = (route, (routes.byName[name]?.uses ?? 0) + 1)
            return route
        }
    }

    /// Nothing counts there any more, as far as this user goes. Any thread.
    public func release(_ route: RouteTelemetry) {
        routes.withLock { routes in
            guard let known = routes.byName[route.name], known.route === route else { return }
            guard known.uses <= 1 else {
                routes.byName[route.name] = (route, known.uses - 1)
                return
            }
            routes.byName[route.name] = nil
            routes.goneAccepted &+= route.loops.reduce(0) { $0 &+ $1.accepted.value }
            routes.goneClosed &+= route.loops.reduce(0) { $0 &+ $1.closed.value }
        }
    }

    public var loopCount: Int { loops.count }

    public func counters(loop: Int) -> LoopCounters {
        loops[loop]
    }

    /// Transport connections of clients, those that are still in their handshake included: open now, and the most that
    /// were open since this was last asked. Any thread.
    public func takeTransports() -> (now: Int, peak: Int) {
        loops.reduce((0, 0)) { sum, loop in
            let peak = loop.takeTransportsPeak()
            return (sum.0 + Int(clamping: loop.transportsActive), sum.1 + Int(clamping: peak))
        }
    }

    /// A client was refused; `key` is the reason in snake case. Any thread, once a refusal.
    ///
    /// - Parameter listener: nil: it is counted under none.
    public func rejected(_ key: String, listener: String? = nil) {
        rejected.withLock { $0.add(key) }
        if let listener { listeners.rejected(key, listener: listener) }
    }

    /// A client's TLS handshake failed; `key` is the reason in snake case. Any thread, once a connection.
    public func tlsFailed(_ key: String, listener: String) { listeners.tlsFailed(key, listener: listener) }

    /// A configuration has a listener of that name. Any thread.
    ///
    /// - Parameter tlsFailures: reasons that a TLS handshake there may fail for; empty: it is in the clear.
    public func expect(listener: String, tlsFailures: [String]) {
        listeners.expect(listener, tlsFailures: tlsFailures)
    }

    /// What the history is made of. Takes as long as there are routes and loops, whatever the connections.
    ///
    /// - Parameter residentMemoryBytes: of the process; 0: not known.
    public func trafficTotals(residentMemoryBytes: UInt64 = 0) -> TrafficTotals {
        var totals = TrafficTotals()
        let routes = routes.withLock { routes in
            totals.opened = routes.goneAccepted
            totals.closed = routes.goneClosed
            return routes.byName.values.map(\.route)
        }
        for counters in routes.lazy.flatMap(\.loops) { totals.add(counters) }
        totals.refused = rejected.withLock { $0.counts.values.reduce(0, &+) }
        totals.memory = residentMemoryBytes
        totals.loads = loops.map { Float($0.load.value) / 1000 }
        return totals
    }

    /// The slowest handshakes of the last hour, slowest first, by route. Routes without any are left out.
    public var slowHandshakes: [String: [HandshakeRecord]] {
        let routes = routes.withLock { $0.byName.values.map(\.route) }
        let slowest = routes.map { route in
            let all = route.loops.flatMap { $0.rareCounts().slowHandshakes.records }
            return (route.name, Array(all.sorted { $0.seconds > $1.seconds }.prefix(SlowHandshakes.capacity)))
        }
        return Dictionary(slowest.filter { !$0.1.isEmpty }) { first, _ in first }
    }

    /// All counters added up.
    ///
    /// - Parameters:
    ///   - uptimeSeconds: since the start.
    ///   - draining: whether a drain is under way.
    ///   - upstreams: how the servers stand now.
    ///   - residentMemoryBytes: of the process; nil where it is not known.
    ///   - certificates: those that clients are shown now.
    ///   - process: nil: it is not known.
    public func snapshot(
        uptimeSeconds: Double, draining: Bool, upstreams: [UpstreamSnapshot] = [], residentMemoryBytes: UInt64? = nil,
        certificates: [CertificateSnapshot] = [], process: ProcessSnapshot? = nil
    ) -> StatsSnapshot {
        let (routes, goneAccepted, goneClosed) = routes.withLock {
            ($0.byName.values.map(\.route), $0.goneAccepted, $0.goneClosed)
        }
        let snapshots = Dictionary(uniqueKeysWithValues: routes.map { ($0.name, RouteSnapshot($0)) })
        return StatsSnapshot(
            version: version, uptimeSeconds: uptimeSeconds.isFinite ? uptimeSeconds : 0, draining: draining,
            residentMemoryBytes: residentMemoryBytes, process: process, configuration: reloads.snapshot,
            limits: .init(
                maxConnections: maxConnections.value, compressionMemoryBytes: compressionMemoryLimit.value),
            eventLoopLags: loops.map { HistogramSnapshot([$0.lag.counts]) },
            transports: TransportSnapshot(loops),
            eventLoops: loops.enumerated().map { index, loop in
                LoopSnapshot(
                    load: Double(loop.load.value) / 1000,
                    active: routes.reduce(0) { $0 &+ $1.loops[index].active.value }, transports: loop.transportsActive)
            },
            http2: HTTP2Snapshot(
                client: .init(loops.map(\.http2Client), http2Client),
                server: .init(loops.map(\.http2Server), http2Server)),
            connections: ConnectionsSnapshot(
                active: snapshots.values.reduce(0) { $0 &+ $1.active },
                acceptedTotal: snapshots.values.reduce(goneAccepted) { $0 &+ $1.acceptedTotal },
                closedTotal: snapshots.values.reduce(goneClosed) { $0 &+ $1.closedTotal },
                rejectedTotal: rejected.withLock { $0.counts }, knownRejections: rejections),
            listeners: listeners.snapshots(certificates), routes: snapshots,
            upstreams: Dictionary(upstreams.map { ($0.name, $0) }) { first, _ in first })
    }
}

extension TrafficTotals {
    fileprivate mutating func add(_ counters: RouteCounters) {
        active &+= counters.active.value
        opened &+= counters.accepted.value
        closed &+= counters.closed.value
        messagesFromClient &+= counters.messagesFromClientText.value &+ counters.messagesFromClientBinary.value
        messagesToClient &+= counters.messagesToClientText.value &+ counters.messagesToClientBinary.value
        bytesFromClient &+= counters.bytesFromClient.value
        bytesToClient &+= counters.bytesToClient.value
        compressionBefore &+= counters.compressionBytesBefore.value
        compressionAfter &+= counters.compressionBytesAfter.value
    }
}

extension RouteSnapshot {
    init(_ route: RouteTelemetry) {
        let loops = route.loops
        func sum(_ counter: (RouteCounters) -> UInt64) -> UInt64 { loops.reduce(0) { $0 &+ counter($1) } }
        func sum(_ gauge: (RouteCounters) -> Int) -> Int { loops.reduce(0) { $0 &+ gauge($1) } }
        var closeCodes = Dictionary(uniqueKeysWithValues: CloseSide.allCases.map { ($0.rawValue, [String: UInt64]()) })
        var extensionsRefused: [String: UInt64] = [:]
        var legacyVersions: [String: UInt64] = [:]
        var rejected: [String: UInt64] = [:]
        var subprotocols: [String: UInt64] = [:]
        for rare in loops.map({ $0.rareCounts() }) {
            for (side, tally) in rare.closeCodes { closeCodes[side.rawValue]?.add(tally.counts) }
            extensionsRefused.add(rare.extensionsRefused.counts)
            legacyVersions.add(rare.legacyVersions.counts)
            rejected.add(rare.rejected.counts)
            subprotocols.add(rare.subprotocols.counts)
        }
        self.init(
            active: sum { $0.active.value }, maxConnections: route.maxConnections.value,
            acceptedTotal: sum { $0.accepted.value }, closedTotal: sum { $0.closed.value },
            legacyTotal: legacyVersions,
            protocols: .init(
                client: .init(active: sum { $0.active.value }, http2: sum { $0.activeHTTP2Client.value }),
                server: .init(
                    active: sum { $0.active.value }, http2: sum { $0.activeHTTP2Server.value },
                    others: sum { $0.activeCommands.value })),
            messages: .init(
                fromClient: .init(
                    text: sum { $0.messagesFromClientText.value }, binary: sum { $0.messagesFromClientBinary.value }),
                toClient: .init(
                    text: sum { $0.messagesToClientText.value }, binary: sum { $0.messagesToClientBinary.value })),
            bytes: .init(fromClient: sum { $0.bytesFromClient.value }, toClient: sum { $0.bytesToClient.value }),
            compression: .init(
                active: sum { $0.compressionActive.value }, messagesCompressed: sum { $0.messagesCompressed.value },
                bytesBefore: sum { $0.compressionBytesBefore.value },
                bytesAfter: sum { $0.compressionBytesAfter.value },
                messagesInflated: sum { $0.messagesInflated.value },
                inflatedBytesBefore: sum { $0.inflatedBytesBefore.value },
                inflatedBytesAfter: sum { $0.inflatedBytesAfter.value },
                memoryBytes: sum { $0.compressionMemory.value }),
            extensionsRefused: extensionsRefused, closeCodes: closeCodes, rejectedTotal: rejected,
            subprotocols: subprotocols,
            handshakeSeconds: HistogramSnapshot(
                loops.lazy.map { $0.handshakes.counts }, exemplars: loops.map(\.handshakeExemplars.all)),
            requests: .init(route),
            commands: route.hasCommands.value == 0
                ? nil
                : .init(
                    running: sum { $0.commandsRunning.value }, startedTotal: sum { $0.commandsStarted.value },
                    failedTotal: sum { $0.commandsFailed.value }))
    }
}

extension RouteSnapshot.Requests {
    init(_ route: RouteTelemetry) {
        let loops = route.loops
        self.init(
            active: loops.reduce(0) { $0 &+ $1.requests.active.value }, maxRequests: route.maxRequests.value,
            total: loops.reduce(0) { $0 &+ $1.requests.total.value },
            statuses: Dictionary(loops.flatMap { $0.requests.statuses }) { $0 &+ $1 },
            bytes: .init(
                fromClient: loops.reduce(0) { $0 &+ $1.requests.bytesFromClient.value },
                toClient: loops.reduce(0) { $0 &+ $1.requests.bytesToClient.value }),
            seconds: HistogramSnapshot(
                loops.lazy.map { $0.requests.durations.counts }, exemplars: loops.map(\.requestExemplars.all)))
    }
}

extension TransportSnapshot {
    init(_ loops: [LoopCounters]) {
        let closed = loops.reduce(0) { $0 &+ $1.transportsClosed.value }
        let accepted = loops.reduce(0) { $0 &+ $1.transportsAccepted.value }
        self.init(
            // Loops go on counting between the two readings.
            active: accepted >= closed ? accepted - closed : 0, acceptedTotal: accepted, closedTotal: closed,
            handshaking: loops.reduce(0) { $0 &+ $1.handshaking.value })
    }
}
