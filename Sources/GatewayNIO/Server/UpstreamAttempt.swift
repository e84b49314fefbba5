import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Logging
import NIOCore
import WebSocketCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The way to a server for one client: choose, connect, ask; on failure the next one, as `retries` allows. Nothing has
/// been sent to the client before it ends.
final class UpstreamAttempt: ServerAttempt {
    enum Ask {
        case webSocket(UpstreamRequest)
        case plain(PlainRequest)
    }

    /// What the choice of a server goes by.
    struct Choice {
        /// The server that the client is to come back to.
        var preferred: Address?
        /// What `balance: hash` goes by.
        var key: UInt64
    }

    let upstream: Upstream
    let ask: Ask
    let client: ConnectionEndpoints?
    let choice: Choice
    /// Whose queue to wait in where all servers are full, and until when.
    private let queue: (outgoing: OutgoingRequest, deadline: NIODeadline)
    private var ticket: WaitingTicket?
    private var queueTimer: Scheduled<Void>?
    let loop: LoopContext
    let log: RequestLog
    private(set) weak var delegate: (any UpstreamAttemptDelegate)?
    /// Each once.
    var tried: [Address] = []
    var triesLeft: Int
    /// How often a server may turn out to be none any more when it is to be connected to.
    private var changesLeft = 3
    var lastRefusal = Refusal.noServer
    var current: (permit: ServerPermit, server: LiveServer, leg: (any UpstreamLeg)?)?
    /// Under way, where no leg has come of it yet.
    var connector: ServerConnector?
    var isOver = false

    /// - Parameter client: what a header of the PROXY protocol is to say; nil: nothing.
    init(
        upstream: Upstream, ask: Ask, choice: Choice,
        queue: (outgoing: OutgoingRequest, deadline: NIODeadline),
        client: ConnectionEndpoints?, loop: LoopContext, log: RequestLog,
        delegate: any UpstreamAttemptDelegate
    ) {
        self.upstream = upstream
        self.ask = ask
        self.choice = choice
        self.queue = queue
        self.client = client
        self.loop = loop
        self.log = log
        self.delegate = delegate
        triesLeft = upstream.configuration.retries + 1
    }

    /// Finds a server; where all are full, waits in the route's queue.
    func start() {
        triesLeft -= 1
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let entry = upstream.place(
            for: queue.outgoing.route, preferring: choice.preferred, key: choice.key
        ) {
            [eventLoop = loop.eventLoop] result in
            eventLoop.execute { this.value.placeIsFree(result) }
        }
        switch entry {
        case .place(let permit): chosen(permit)
        case .refused(let refusal): fail(refusal)
        case .waiting(let ticket):
            self.ticket = ticket
            queueTimer = loop.eventLoop.scheduleTask(deadline: queue.deadline) {
                let this = this.value
                guard let ticket = this.ticket.take(), ticket.leave() else { return }
                this.fail(ticket.refusal)
            }
        }
    }

    /// Whether it waits for a place on a server, or for a connection: the time for an answer does not run.
    var isWaiting: Bool { ticket != nil || connector != nil }

    private func placeIsFree(_ result: Result<ServerPermit, Refusal>) {
        // Who has gone meanwhile only drops what it was given.
        guard ticket.take() != nil, !isOver else { return }
        queueTimer?.cancel()
        switch result {
        case .success(let permit): chosen(permit)
        case .failure(let refusal): fail(refusal)
        }
    }

    private func chosen(_ permit: ServerPermit) {
        // Servers are picked from these alone, and may have left since.
        guard let server = upstream.servers[permit.server] else {
            permit.release()
            triesLeft += 1
            return tryNext()
        }
        ask(server, permit)
    }

    /// The client is gone: whatever is under way is given up.
    func cancel() {
        isOver = true
        queueTimer?.cancel()
        ticket = nil
        let current = current
        self.current = nil
        current?.permit.release()
        current?.leg?.giveUp()
        connector?.cancel()
    }

    func tryNext() {
        guard !isOver else { return }
        guard triesLeft > 0 else { return fail(lastRefusal) }
        triesLeft -= 1
        switch upstream.pick(
            excluding: Set(tried), preferring: choice.preferred, key: choice.key, now: .now())
        {
        case .failure(.allAtCapacity):
            fail(tried.isEmpty ? .serverMaxConnections : lastRefusal)
        case .failure(.noneLeft):
            fail(lastRefusal)
        case .success(let choice):
            ask(choice.server, choice.permit)
        }
    }

    func fail(_ refusal: Refusal) {
        isOver = true
        delegate?.failed(refusal)
    }

    func connectFailed(_ server: LiveServer, _ error: any Error) {
        guard !isOver, current?.server === server else { return }
        if let error = error as? IOError, error.isLackOfResources { return lacksResources(error) }
        if error is ServerConnector.ServersChanged { return serversChanged(server) }
        serverFailed(server, .connectFailed, ConnectFailure.text(for: error))
    }

    /// The server is none any more. That is no failure of anybody's, and those that there are now have not been tried.
    private func serversChanged(_ server: LiveServer) {
        current?.permit.release()
        current = nil
        tried.removeAll { $0 == server.address }
        lastRefusal = .connectFailed
        if changesLeft > 0 {
            changesLeft -= 1
            triesLeft += 1
        }
        tryNext()
    }

    /// Every connection to it has as many streams as it may: another server may have room.
    func serverIsFull(_ leg: any UpstreamLeg) {
        leg.giveUp()
        current?.permit.release()
        current = nil
        lastRefusal = .serverMaxConnections
        tryNext()
    }

    func serverFailed(_ server: LiveServer, _ refusal: Refusal, _ reason: String) {
        guard !isOver else { return }
        server.record.failed(
            isUnreachable: refusal == .connectFailed, reason: reason, now: .now(), jitter: .random(in: 0..<1))
        log.warning(
            "server failed",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(server.address)", "reason": "\(reason)",
            ])
        current?.permit.release()
        current = nil
        lastRefusal = refusal
        tryNext()
    }

    /// No server is to blame. Ports are used up towards one server; of the rest there is none for the next one either.
    private func lacksResources(_ error: IOError) {
        log.warning(
            "no resources left for a connection to a server",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "reason": "\(ConnectFailure.text(for: error))",
            ])
        current?.permit.release()
        current = nil
        lastRefusal = .outOfResources
        if error.errnoCode == EADDRNOTAVAIL { tryNext() } else { fail(.outOfResources) }
    }

    /// The server has had `response_timeout` for its answer.
    func timedOut() {
        guard let current, !isOver else { return }
        log.warning(
            "server did not answer in time",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)",
            ])
        current.server.record.failed(
            reason: "it did not answer in time", now: .now(), jitter: .random(in: 0..<1))
        // A connection that still comes about is not to carry the request.
        cancel()
        delegate?.failed(.responseTimeout)
    }

    /// Whether no WebSocket is asked for.
    var isPlain: Bool { if case .plain = ask { true } else { false } }
}
