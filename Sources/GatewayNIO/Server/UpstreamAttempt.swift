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

/// A server that has agreed to speak WebSocket.
struct UpgradedServer {
    let leg: any WebSocketLeg
    let server: SessionServer
    let fields: HTTPFields
    let subprotocol: String?
    let extensions: [ExtensionOffer]
}

/// Who waits for an `UpstreamAttempt`.
protocol UpstreamAttemptDelegate: AnyObject {
    func upgraded(_ server: UpgradedServer)
    /// An interim response to a plain request.
    func informed(_ response: HTTPResponse)
    /// The server's response: to a WebSocket's request a refusal. Its content follows, piece by piece.
    func answered(_ response: HTTPResponse, by leg: any UpstreamLeg, server: LiveServer)
    func responseContent(_ bytes: ByteBuffer)
    /// `isWhole`: false when the server broke off inside its response.
    func responseEnded(isWhole: Bool, trailers: HTTPFields?)
    /// Nothing more has come for now.
    func responseReadComplete()
    /// The head of a plain request has gone: its content, if it has any, may be given to the leg.
    func mayGiveContent(to leg: any RequestLeg)
    func failed(_ refusal: Refusal)
}

/// The way to a server for one client: choose, connect, ask; on failure the next one, as `retries` allows. Nothing has
/// been sent to the client before it ends.
final class UpstreamAttempt: ServerAttempt, UpstreamLegDelegate {
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

    private let upstream: Upstream
    private let ask: Ask
    private let client: ConnectionEndpoints?
    private let choice: Choice
    /// Whose queue to wait in where all servers are full, and until when.
    private let queue: (route: RouteConfiguration, deadline: NIODeadline)
    private var ticket: WaitingTicket?
    private var queueTimer: Scheduled<Void>?
    private let loop: LoopContext
    private let logger: Logger
    private weak var delegate: (any UpstreamAttemptDelegate)?
    private var tried: Set<Address> = []
    private var triesLeft: Int
    /// How often a server may turn out to be none any more when it is to be connected to.
    private var changesLeft = 3
    private var lastRefusal = Refusal.noServer
    private var current: (permit: ServerPermit, server: LiveServer, leg: (any UpstreamLeg)?)?
    /// Under way, where no leg has come of it yet.
    private var connector: ServerConnector?
    private var isOver = false

    /// - Parameter client: what a header of the PROXY protocol is to say; nil: nothing.
    init(
        upstream: Upstream, ask: Ask, choice: Choice, queue: (route: RouteConfiguration, deadline: NIODeadline),
        client: ConnectionEndpoints?, loop: LoopContext, logger: Logger, delegate: any UpstreamAttemptDelegate
    ) {
        self.upstream = upstream
        self.ask = ask
        self.choice = choice
        self.queue = queue
        self.client = client
        self.loop = loop
        self.logger = logger
        self.delegate = delegate
        triesLeft = upstream.configuration.retries + 1
    }

    /// Finds a server; where all are full, waits in the route's queue.
    func start() {
        triesLeft -= 1
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let entry = upstream.place(for: queue.route, preferring: choice.preferred, key: choice.key) {
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

    private func tryNext() {
        guard !isOver else { return }
        guard triesLeft > 0 else { return fail(lastRefusal) }
        triesLeft -= 1
        switch upstream.pick(excluding: tried, preferring: choice.preferred, key: choice.key, now: .now()) {
        case .failure(.allAtCapacity):
            fail(tried.isEmpty ? .serverMaxConnections : lastRefusal)
        case .failure(.noneLeft):
            fail(lastRefusal)
        case .success(let choice):
            ask(choice.server, choice.permit)
        }
    }

    private func fail(_ refusal: Refusal) {
        isOver = true
        delegate?.failed(refusal)
    }

    private func ask(_ server: LiveServer, _ permit: ServerPermit) {
        tried.insert(server.address)
        current = (permit, server, nil)
        if upstream.usesHTTP2(server, forWebSocket: !isPlain, now: .now()) {
            askOverHTTP2(server)
        } else {
            askOverHTTP1(server)
        }
    }

    private func host(_ host: String, namesServer: Bool, _ server: LiveServer) -> String {
        namesServer ? server.configured.authority(isTLS: upstream.transport.tls != nil) : host
    }

    private func request(_ request: UpstreamRequest, to server: LiveServer) -> UpstreamRequest {
        var request = request
        request.host = host(request.host, namesServer: request.namesServer, server)
        return request
    }

    private func request(_ request: PlainRequest, to server: LiveServer) -> PlainRequest {
        var request = request
        request.host = host(request.host, namesServer: request.namesServer, server)
        return request
    }

    private func askOverHTTP2(_ server: LiveServer) {
        let pool = loop.http2Pool(of: upstream, server: server)
        let stream: HTTP2UpstreamStream =
            switch ask {
            case .webSocket(let request):
                HTTP2UpstreamWebSocket(request: self.request(request, to: server), pool: pool, delegate: self)
            case .plain(let request):
                HTTP2UpstreamRequest(request: self.request(request, to: server), pool: pool, delegate: self)
            }
        current?.leg = stream
        if !pool.place(stream) { serverIsFull(stream) }
    }

    private func askOverHTTP1(_ server: LiveServer) {
        switch ask {
        case .webSocket(let request):
            connect(to: server) { [self] pipeline in
                let handshake = UpstreamHandshake(
                    request: self.request(request, to: server), isTLS: upstream.transport.tls != nil,
                    timeout: TimeAmount(upstream.configuration.responseTimeout), delegate: self)
                // Before it speaks: what comes of it may be told at once.
                current?.leg = handshake
                try handshake.addCodec(to: pipeline)
                try pipeline.addHandler(handshake)
            }
        case .plain(let request):
            let leg = HTTP1UpstreamRequest(request: self.request(request, to: server), delegate: self)
            let pool = loop.http1Pool(of: upstream, server: server)
            if let connection = pool.take() {
                current?.leg = leg
                return connection.carry(leg)
            }
            connect(to: server) { [self] pipeline in
                current?.leg = leg
                try HTTP1UpstreamConnection(pool: pool, request: leg).addHandlers(to: pipeline)
            }
        }
    }

    /// - Parameter setUp: adds what is behind TLS; called once there is a connection.
    private func connect(
        to server: LiveServer, setUp: @escaping (ChannelPipeline.SynchronousOperations) throws -> Void
    ) {
        let connector = ServerConnector(
            server: server, transport: upstream.transport, client: client,
            timeout: TimeAmount(upstream.configuration.connectTimeout), eventLoop: loop.eventLoop, protocols: [.http1],
            setUp: setUp)
        self.connector = connector
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        connector.connect().whenComplete { result in
            let attempt = this.value
            attempt.connector = nil
            if case .failure(let error) = result { attempt.connectFailed(server, error) }
        }
    }

    private func connectFailed(_ server: LiveServer, _ error: any Error) {
        guard !isOver, current?.server === server else { return }
        if let error = error as? IOError, error.isLackOfResources { return lacksResources(error) }
        if error is ServerConnector.ServersChanged { return serversChanged(server) }
        serverFailed(server, .connectFailed, ConnectFailure.text(for: error))
    }

    /// The server is none any more. That is no failure of anybody's, and those that there are now have not been tried.
    private func serversChanged(_ server: LiveServer) {
        current?.permit.release()
        current = nil
        tried.remove(server.address)
        lastRefusal = .connectFailed
        if changesLeft > 0 {
            changesLeft -= 1
            triesLeft += 1
        }
        tryNext()
    }

    /// Every connection to it has as many streams as it may: another server may have room.
    private func serverIsFull(_ leg: any UpstreamLeg) {
        leg.giveUp()
        current?.permit.release()
        current = nil
        lastRefusal = .serverMaxConnections
        tryNext()
    }

    private func serverFailed(_ server: LiveServer, _ refusal: Refusal, _ reason: String) {
        guard !isOver else { return }
        server.record.failed(
            isUnreachable: refusal == .connectFailed, reason: reason, now: .now(), jitter: .random(in: 0..<1))
        logger.warning(
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
        logger.warning(
            "no resources for a connection to a server",
            metadata: ["upstream": "\(upstream.configuration.name)", "reason": "\(ConnectFailure.text(for: error))"])
        current?.permit.release()
        current = nil
        lastRefusal = .outOfResources
        if error.errnoCode == EADDRNOTAVAIL { tryNext() } else { fail(.outOfResources) }
    }

    // MARK: UpstreamLegDelegate

    func leg(_ leg: any UpstreamLeg, informed response: HTTPResponse) {
        guard !isOver else { return }
        delegate?.informed(response)
    }

    func leg(_ leg: any UpstreamLeg, answered response: HTTPResponse) {
        guard !isOver, let current else { return leg.giveUp() }
        let server = current.server
        do throws(AnswerViolation) {
            let webSocket = leg.asWebSocket
            let agreement = try webSocket?.agreement(in: response)
            server.record.succeeded(now: .now())
            guard let webSocket, let agreement else {
                delegate?.answered(response, by: leg, server: server)
                return
            }
            isOver = true
            self.current = nil
            delegate?.upgraded(
                UpgradedServer(
                    leg: webSocket, server: .upstream(server, current.permit), fields: response.headerFields,
                    subprotocol: agreement.subprotocol, extensions: agreement.extensions))
        } catch {
            self.leg(leg, answeredBadly: error.message)
        }
    }

    func leg(_ leg: any UpstreamLeg, answeredBadly reason: String) {
        guard !isOver, let current else { return leg.giveUp() }
        leg.giveUp()
        logger.warning(
            isPlain ? "server answered with a bad response" : "server answered with a bad handshake",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        current.permit.release()
        self.current = nil
        fail(.badAnswer(reason))
    }

    func leg(_ leg: any UpstreamLeg, content: ByteBuffer) {
        guard !isOver else { return }
        delegate?.responseContent(content)
    }

    func legReadComplete(_ leg: any UpstreamLeg) {
        guard !isOver else { return }
        delegate?.responseReadComplete()
    }

    func legEndedResponse(_ leg: any UpstreamLeg, isWhole: Bool, trailers: HTTPFields?) {
        guard !isOver else { return }
        isOver = true
        current?.permit.release()
        current = nil
        delegate?.responseEnded(isWhole: isWhole, trailers: trailers)
    }

    func legIsWritable(_ leg: any UpstreamLeg) {
        guard !isOver, let leg = leg.asRequest else { return }
        delegate?.mayGiveContent(to: leg)
    }

    func leg(_ leg: any UpstreamLeg, failedWith error: any Error) {
        guard let current else { return }
        connectFailed(current.server, error)
    }

    /// Another server may do better, or the same one on another connection: nothing of this answer has reached the client.
    func legBrokeOff(_ leg: any UpstreamLeg, reason: String) {
        guard !isOver, let current else { return }
        guard case .plain(let request) = ask else {
            return serverFailed(current.server, .badAnswer(reason), reason)
        }
        let leg = leg.asRequest
        guard request.mayBeRepeated, leg?.hasAnswerBegun == false else {
            // It may have been carried out (RFC 9110 §9.2.2).
            triesLeft = 0
            return serverFailed(current.server, .badAnswer(reason), reason)
        }
        guard leg?.isReused == true else {
            return serverFailed(current.server, .badAnswer(reason), reason)
        }
        // The server ended an idle connection, which is no failure, while the request was on its way.
        tryAgain(current.server, .badAnswer(reason))
    }

    /// The stream was refused, or never looked at: it can be tried again, by this server as well as by another.
    func legNotProcessed(_ leg: any UpstreamLeg, _ refusal: Refusal, reason: String) {
        guard !isOver, let current else { return }
        logger.info(
            "server did not take a stream",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        if hasSentContent(leg) { triesLeft = 0 }
        tryAgain(current.server, refusal)
    }

    /// Whether some of the content is gone, and could not be given to another server.
    private func hasSentContent(_ leg: any UpstreamLeg) -> Bool {
        leg.asRequest?.hasSentContent == true
    }

    /// The server is not to blame: it is asked again where there is no other.
    private func tryAgain(_ server: LiveServer, _ refusal: Refusal) {
        current?.permit.release()
        current = nil
        lastRefusal = refusal
        if triesLeft > 0, upstream.allServers.count == tried.count { tried.remove(server.address) }
        tryNext()
    }

    func legLacksHTTP2(_ leg: any UpstreamLeg, reason: String) {
        guard !isOver, let current else { return }
        guard upstream.configuration.protocol == .auto, !hasSentContent(leg) else {
            return self.leg(leg, answeredBadly: reason)
        }
        logger.info(
            isPlain
                ? "server has no HTTP/2; HTTP/1.1 is used" : "server has no WebSockets over HTTP/2; HTTP/1.1 is used",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        askOverHTTP1(current.server)
    }

    func legTimedOut(_ leg: any UpstreamLeg) {
        timedOut()
    }

    /// The server has had `response_timeout` for its answer.
    func timedOut() {
        guard let current, !isOver else { return }
        logger.warning(
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

    private var isPlain: Bool { if case .plain = ask { true } else { false } }
}

extension PlainRequest {
    /// Whether it changes nothing to carry it out twice (RFC 9110 §9.2.2), and there is nothing that would have to be sent
    /// twice.
    fileprivate var mayBeRepeated: Bool {
        guard case .none = content else { return false }
        return [.get, .head, .options, .trace, .put, .delete].contains(method)
    }
}
