import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
import NIOCore
import SocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Opens one transport connection to a server of an upstream, on its event loop: its addresses race (RFC 8305), and TLS
/// begins on the connection that wins. A name that is not known, or leads nowhere any more, is looked up meanwhile.
///
/// Where its name stands for several servers, a server has one address. As long as none of them is known to be reachable,
/// others race against it: not for this connection, but to find out which family to use.
///
/// `connect_timeout` bounds all of it.
final class ServerConnector {
    /// No address of the server is known.
    struct Unresolved: Error, CustomStringConvertible {
        var description: String {
            "the server's name has no address; the line \"name lookup failed\" of the log says why"
        }
    }

    /// The name stands for other servers than it did when this one was chosen: another one should be.
    struct ServersChanged: Error, CustomStringConvertible {
        var description: String { "the server's name now stands for other servers" }
    }

    /// Who is given the connection, once there is one.
    enum SetUp {
        /// Adds what is behind TLS to the pipeline of a channel.
        case channel((ChannelPipeline.SynchronousOperations) throws -> Void)
        /// Takes the socket, which may be in its TLS handshake.
        case socket((StreamSocket) -> Void)
    }

    private let server: LiveServer
    /// nil: only whether there is a connection is of interest; no TLS, and it is not counted.
    private let transport: UpstreamTransport?
    private let client: ConnectionEndpoints?
    private let sources: SourceAddresses?
    private let timeLimit: TimeAmount
    private let eventLoop: any EventLoop
    private let protocols: [ApplicationProtocol]
    private let isCounted: Bool
    private let setUp: SetUp
    private let promise: EventLoopPromise<(any Channel)?>
    private let deadline: NIODeadline
    private var timeout: Scheduled<Void>?
    private var race = ConnectionRace(count: 0)
    private var contestants: [SocketAddress] = []
    /// How many of these are the server's own; those behind are there to find out which family to use.
    private var ownCount = 0
    private var probes = FamilyProbes()
    /// Attempts at the server's own addresses that are under way.
    private var ownAttempts: Set<Int> = []
    private var tried: Set<SocketAddress> = []
    /// Attempts under way.
    private var connections: [Int: ConnectionAttempt] = [:]
    /// By attempt: where else to connect from.
    private var sourcesLeft: [Int: ArraySlice<SocketAddress>] = [:]
    private var nextStep: Scheduled<Void>?
    /// What to say when nothing comes of it: of several failures the first that is the server's.
    private var failure: (any Error)?
    private var isOver = false

    private var addresses: ServerAddresses { server.addresses }

    /// - Parameters:
    ///   - client: named where connections begin with a header of the PROXY protocol; nil: there is no one client.
    ///   - sources: where to connect from, without a transport.
    ///   - protocols: ALPN identifiers to offer over TLS.
    ///   - isCounted: whether it is one of the server's connections in the statistics.
    ///   - setUp: called once there is a connection.
    init(
        server: LiveServer, transport: UpstreamTransport?, client: ConnectionEndpoints? = nil,
        sources: SourceAddresses? = nil, timeout: TimeAmount, eventLoop: any EventLoop,
        protocols: [ApplicationProtocol], isCounted: Bool = true, setUp: SetUp
    ) {
        self.transport = transport
        self.client = client
        self.sources = transport?.sources ?? sources
        timeLimit = timeout
        self.server = server
        self.eventLoop = eventLoop
        self.protocols = protocols
        self.isCounted = isCounted
        self.setUp = setUp
        promise = eventLoop.makePromise()
        deadline = .now() + timeout
    }

    /// - Returns: the channel, where one was asked for; or why there is no connection.
    func connect() -> EventLoopFuture<(any Channel)?> {
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        timeout = eventLoop.scheduleTask(deadline: deadline) {
            let this = this.value
            for attempt in this.ownAttempts { this.addresses.failed(this.contestants[attempt], now: .now()) }
            this.giveUp(because: ChannelError.connectTimeout(this.timeLimit))
        }
        begin()
        return promise.futureResult
    }

    /// Nobody waits for the connection any more.
    func cancel() { end(CancellationError()) }

    private func begin() {
        contestants = addresses.order(now: .now()).filter { !tried.contains($0) }
        guard !contestants.isEmpty else { return lookUp() }
        tried.formUnion(contestants)
        ownCount = contestants.count
        probes = server.entry?.probes(for: server) ?? FamilyProbes()
        contestants += probes.addresses
        sourcesLeft = [:]
        race = ConnectionRace(count: contestants.count)
        step()
    }

    /// Nothing is left to try: the name may stand for something else by now.
    private func lookUp() {
        // One may have ended this very moment.
        guard let entry = server.entry, let lookup = entry.lookUp(on: eventLoop, now: .now()) else {
            return beginAgain()
        }
        // Whoever has another server to go to need not wait for a name server.
        if failure != nil, entry.hasReachable(besides: server) { return giveUp(because: Unresolved()) }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        lookup.whenComplete { _ in this.value.beginAgain() }
    }

    private func beginAgain() {
        let hasNew = addresses.order(now: .now()).contains { !tried.contains($0) }
        if hasNew, !server.hasLeft, !isOver { begin() } else { giveUp(because: Unresolved()) }
    }

    /// - Parameter error: what to say when no attempt has failed.
    private func giveUp(because error: any Error) { end(server.hasLeft ? ServersChanged() : failure ?? error) }

    private func step() {
        nextStep?.cancel()
        while !isOver {
            switch race.step(now: .now()) {
            case .begin(let attempt):
                begin(attempt)
            case .wait(let time):
                let this = NIOLoopBound(self, eventLoop: eventLoop)
                nextStep = eventLoop.scheduleTask(deadline: time) { this.value.step() }
                return
            case .waitForAttempts:
                return
            case .lost:
                return lookUp()
            }
        }
    }

    private func begin(_ attempt: Int) {
        if attempt < ownCount { ownAttempts.insert(attempt) }
        guard let sources else { return begin(attempt, from: nil) }
        var left = sourcesLeft[attempt] ?? sources.order(towards: contestants[attempt])[...]
        let source = left.popFirst()
        sourcesLeft[attempt] = left
        begin(attempt, from: source)
    }

    /// - Parameter source: nil: the system chooses.
    private func begin(_ attempt: Int, from source: SocketAddress?) {
        guard let loop = eventLoop as? SocketEventLoop else { return end(ChannelError.operationUnsupported) }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        let connection = ConnectionAttempt.begin(
            to: contestants[attempt], from: source, timeout: deadline - .now(), on: loop)
        connections[attempt] = connection
        connection.result.assumeIsolated().whenComplete { result in
            let this = this.value
            switch result {
            case .success(let socket):
                if let source { this.sources?.worked(source) }
                this.connected(attempt, socket)
            case .failure(let error):
                this.failed(attempt, error, from: source)
            }
        }
    }

    private func connected(_ attempt: Int, _ socket: StreamSocket) {
        guard !isOver else { return socket.close() }
        connections[attempt] = nil
        guard attempt < ownCount else { return probed(attempt, socket) }
        addresses.worked(contestants[attempt])
        if transport != nil, isCounted {
            server.connections.add(1)
            socket.observer = server
        }
        do {
            switch setUp {
            case .channel(let setUp):
                let channel = SocketChannel(socket)
                try channel.activate()
                try prepare(socket)
                try setUp(channel.pipeline.syncOperations)
                finish()
                promise.succeed(channel)
            case .socket(let setUp):
                try socket.open()
                try prepare(socket)
                setUp(socket)
                finish()
                promise.succeed(nil)
            }
        } catch {
            socket.close()
            end(error)
        }
    }

    /// Sends what stands before TLS, and begins that.
    private func prepare(_ socket: StreamSocket) throws {
        if let beginning = transport?.beginning(naming: client), !beginning.isEmpty {
            socket.write(ByteBuffer(bytes: beginning))
            socket.flush()
        }
        if let transport, let tls = transport.tls(offering: protocols) {
            try socket.startTLS(
                client: tls, peer: transport.tlsPeer(of: server), address: "\(server.address)")
        }
        // The first bytes may be what broke it, and whoever took it over now would be told of nothing.
        guard socket.isOpen else { throw IOError(errnoCode: ECONNRESET, reason: "write") }
    }

    /// It is known which family leads to servers.
    private func probed(_ attempt: Int, _ socket: StreamSocket) {
        socket.close()
        switch probes.found(attempt - ownCount) {
        case .nothing:
            break
        case .otherFamily(let address):
            server.entry?.use(familyOf: address)
            end(ServersChanged())
        case .sameFamily(let other):
            _ = other.record.looked(isReachable: true, now: .now(), jitter: 0)
            // This server is left by itself.
            for (attempt, connection) in connections where attempt >= ownCount { connection.cancel() }
            race = ConnectionRace(count: 0)
            nextStep?.cancel()
            if ownAttempts.isEmpty { lookUp() }
        }
    }

    private func failed(_ attempt: Int, _ error: any Error, from source: SocketAddress?) {
        connections[attempt] = nil
        guard !isOver else { return }
        guard attempt < ownCount else {
            if !probes.isSettled {
                race.failed(attempt)
                step()
            }
            return
        }
        let error = noted(error, from: source)
        let lacksSource = (error as? IOError)?.errnoCode == EADDRNOTAVAIL || error is ForeignSource
        if lacksSource, sourcesLeft[attempt]?.isEmpty == false { return begin(attempt) }
        ownAttempts.remove(attempt)
        let isLackOfResources = (error as? IOError)?.isLackOfResources == true
        // Towards another address there may be a port; of the rest there is none for that either.
        if isLackOfResources, (error as? IOError)?.errnoCode != EADDRNOTAVAIL { return end(error) }
        if !isLackOfResources { addresses.failed(contestants[attempt], now: .now()) }
        if failure == nil || (failure as? IOError)?.isLackOfResources == true { failure = error }
        race.failed(attempt)
        step()
    }

    /// What a failure means where it is one of this end's address: its ports are used up, or it is not this machine's.
    private func noted(_ error: any Error, from source: SocketAddress?) -> any Error {
        // Without the option the port is chosen with `bind`, and EADDRINUSE is what that says.
        guard let error = error as? IOError,
            error.errnoCode == EADDRNOTAVAIL || (source != nil && error.errnoCode == EADDRINUSE)
        else { return error }
        if let source, error.errnoCode == EADDRNOTAVAIL, !SourceAddresses.isLocal(source) {
            let failure = ForeignSource(address: source.ipAddress ?? "")
            if sources?.isForeign(source) == true { server.upstream.warn(failure) }
            return failure
        }
        server.upstream.portsExhausted.add(1)
        return IOError(errnoCode: EADDRNOTAVAIL, reason: "connect")
    }

    private func end(_ error: any Error) {
        guard !isOver else { return }
        finish()
        promise.fail(error)
    }

    private func finish() {
        isOver = true
        timeout?.cancel()
        nextStep?.cancel()
        let left = connections.values
        connections = [:]
        for connection in left { connection.cancel() }
    }
}
