import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import Logging
import NIOCore
import WebSocketCore

/// One request of a client, over either HTTP version, until it is answered or a session has taken over: has it decided,
/// and finds a server. `ClientExchange+Answers` answers it, `ClientExchange+Server` takes what the server says.
final class ClientExchange {
    enum State {
        case reading
        /// A WebSocket waits for its place under the route's cap.
        case queued(OutgoingRequest, UpgradeRequest, WaitingTicket)
        /// A WebSocket may be opened once the request has ended.
        case admitted(ProxyDecision)
        case connecting(ProxyDecision, any ServerAttempt)
        /// The server's own refusal is on its way to the client.
        case relayingRefusal(ProxyDecision, any ServerAttempt, any UpstreamLeg)
        /// A plain request, and its server's response.
        case forwarding(Forwarding)
        case answered
        case relaying
    }

    let listener: CompiledListener
    let version: LegVersion
    let loop: LoopContext
    private let isFirst: Bool
    /// When the connection was accepted that this is the first request of; of others, when the head came.
    var startedAt = NIODeadline.now()
    /// The gateway's own, until a trusted proxy turns out to have sent one.
    var requestID: String
    let peer: () -> ClientAddress
    weak var responder: (any ClientResponder)?
    var state = State.reading
    /// The one that the request is decided on by, and stays with.
    var generation: Generation
    var isHead = false
    /// nil: no head that can be read has come.
    var logged: LoggedRequest?
    /// The request has come to its end.
    private var hasEnded = false
    /// Until when a WebSocket may wait for its place, and for one on a server.
    private var queueDeadline = NIODeadline.distantPast
    private var queueTimer: Scheduled<Void>?

    /// - Parameters:
    ///   - isFirst: the connection has carried no other request.
    ///   - peer: whoever is at the other end of the client's connection, once it is known.
    init(
        listener: CompiledListener, version: LegVersion, isFirst: Bool, loop: LoopContext,
        responder: any ClientResponder, peer: @escaping () -> ClientAddress
    ) {
        self.isFirst = isFirst
        requestID = RequestID.text(loop.randomIdentifier())
        self.listener = listener
        self.version = version
        self.loop = loop
        self.responder = responder
        self.peer = peer
        generation = loop.generation
    }

    /// Whether a head is waited for.
    var isReading: Bool { if case .reading = state { true } else { false } }
    var isAnswered: Bool { if case .answered = state { true } else { false } }
    var isRelaying: Bool { if case .relaying = state { true } else { false } }
    var isForwarding: Bool { if case .forwarding = state { true } else { false } }
    var isRelayingRefusal: Bool { if case .relayingRefusal = state { true } else { false } }

    /// Whether a WebSocket's server is sought: nothing is to be read from the client meanwhile.
    var isBusy: Bool {
        switch state {
        case .queued, .admitted, .connecting, .relayingRefusal: true
        case .reading, .forwarding, .answered, .relaying: false
        }
    }

    // MARK: What the client's side reports

    /// The head of the request is here. A plain request goes to its server at once; a WebSocket's waits for `requestEnded`.
    func decide(_ request: HTTPRequest, content: RequestContent) {
        guard case .reading = state else { return }
        isHead = request.method == .head
        if !isFirst { startedAt = .now() }
        generation = loop.generation
        // A connection may be older than the generation; what the listener says of requests is not.
        let listener = generation.listener(listener.configuration.name) ?? listener
        let peer = peer()
        let sentID = SentRequestID.kept(
            request.headerFields, from: peer, trusted: listener.configuration.trustedProxies)
        if let sentID { requestID = sentID }
        logged = LoggedRequest(head: request, listener: listener.configuration, peer: peer)
        let request = GatewayRequest(
            request: request, version: version, id: requestID, peer: peer,
            isTLS: listener.configuration.tls != nil, listener: listener, content: content)
        switch RequestDecision.make(request, generation, loop) {
        case .refuse(let refusal, let route):
            refuse(refusal, route: route)
        case .redirect(let status, let location, let route):
            serve(GatewayAnswer(redirectTo: location, status: status, requestID: requestID), of: route)
        case .respond(let response, let body, let route):
            serve(
                GatewayAnswer(response, body: body, edits: route.responseHeaders, requestID: requestID), of: route)
        case .proxy(let outgoing, _) where lacksDescriptors:
            refuse(.outOfResources, route: outgoing.route)
        case .forward(let decision) where lacksDescriptors:
            refuse(.outOfResources, route: decision.route)
        case .proxy(let outgoing, let upgrade):
            admit(outgoing, upgrade)
        case .forward(let decision):
            guard let responder else { return }
            let forwarding = Forwarding(
                decision, listener: listener, loop: loop, log: log, lines: lines, owner: self, responder: responder)
            state = .forwarding(forwarding)
            forwarding.start()
        }
    }

    /// There is no file descriptor for a connection to a server, and this client has one only to learn of that.
    private var lacksDescriptors: Bool { responder?.usesReserve ?? false }

    // MARK: Admission

    private func admit(_ outgoing: OutgoingRequest, _ upgrade: UpgradeRequest) {
        var route: RouteConfiguration { outgoing.route }
        let now = NIODeadline.now()
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let entry = loop.process.admission.admit(
            route: route, limits: generation.configuration.limits, clientAddress: outgoing.forwarded.clientAddress,
            now: now
        ) { [eventLoop = loop.eventLoop] result in
            eventLoop.execute { this.value.placeIsFree(result) }
        }
        if let queue = route.queue { queueDeadline = now + TimeAmount(queue.timeout) }
        switch entry {
        case .refused(let refusal):
            refuse(refusal, route: route)
        case .place(let permit):
            admitted(outgoing, upgrade, permit)
        case .waiting(let ticket):
            state = .queued(outgoing, upgrade, ticket)
            queueTimer = loop.eventLoop.scheduleTask(deadline: queueDeadline) { this.value.queueTimedOut() }
        }
    }

    private func admitted(_ outgoing: OutgoingRequest, _ upgrade: UpgradeRequest, _ permit: Permit) {
        let settings = outgoing.route.session.compression
        state = .admitted(
            ProxyDecision(
                outgoing: outgoing, upgrade: upgrade, permit: permit,
                negotiation: NegotiationPlan(
                    settings: settings, clientOffers: upgrade.extensionOffers,
                    allowance: CompressionAllowance(loop.process.compressionMemory, settings: settings))))
    }

    private func placeIsFree(_ result: Result<Permit, Refusal>) {
        // Who has gone meanwhile only drops what it was given.
        guard case .queued(let outgoing, let upgrade, _) = state else { return }
        queueTimer?.cancel()
        switch result {
        case .failure(let refusal):
            refuse(refusal, route: outgoing.route)
        case .success(let permit):
            admitted(outgoing, upgrade, permit)
            if hasEnded { requestEnded() }
        }
    }

    private func queueTimedOut() {
        guard case .queued(let outgoing, _, let ticket) = state, ticket.leave() else { return }
        refuse(ticket.refusal, route: outgoing.route)
    }

    // MARK: Content

    /// Some of a plain request's content.
    func contentArrived(_ bytes: ByteBuffer) {
        if case .forwarding(let forwarding) = state { forwarding.contentArrived(bytes) }
    }

    func contentEnded(trailers: HTTPFields?) {
        if case .forwarding(let forwarding) = state { forwarding.contentEnded(trailers: trailers) }
    }

    /// The content can't be read to its end.
    func contentFailed(_ refusal: Refusal) {
        if case .forwarding(let forwarding) = state { forwarding.contentFailed(refusal) }
    }

    /// Nothing more has come for now.
    func contentReadComplete() {
        if case .forwarding(let forwarding) = state { forwarding.contentReadComplete() }
    }

    /// What a client of hixie-76 wants to see proved, and what its session will be, while its request has not come to its
    /// end.
    var challenge: (HixieChallenge, SessionSettings)? {
        guard case .admitted(let decision) = state, let challenge = decision.upgrade.challenge else { return nil }
        return (challenge, decision.route.session)
    }

    /// The request has come to its end: the server is sought.
    func requestEnded() {
        hasEnded = true
        guard case .admitted(let decision) = state else { return }
        let attempt = attempt(decision)
        state = .connecting(decision, attempt)
        attempt.start()
    }

    private func attempt(_ decision: ProxyDecision) -> any ServerAttempt {
        let outgoing = decision.outgoing
        switch outgoing.destination {
        case .command(let command):
            let subprotocol = decision.commandSubprotocol
            let environment = decision.commandEnvironment(
                subprotocol: subprotocol, version: version, port: responder?.endpoints.destinationPort ?? 0,
                software: "sluice/\(loop.process.telemetry.version)")
            return CommandStart(
                command,
                environment: environment.variables(
                    own: command.environment, configured: command.configuration.environment),
                subprotocol: subprotocol, route: outgoing.liveRoute, loop: loop, logger: log.logger,
                delegate: self)
        case .upstream(let upstream):
            let namesClient = upstream.configuration.proxyProtocol != .off
            return UpstreamAttempt(
                upstream: upstream, ask: .webSocket(decision.upstreamRequest(to: upstream)),
                choice: outgoing.choice(in: upstream), queue: (outgoing, queueDeadline),
                client: namesClient ? responder?.endpoints.from(outgoing.forwarded.clientAddress) : nil, loop: loop,
                log: log, delegate: self)
        }
    }

    /// `limits.handshake_timeout` is over; false: nothing can be said to the client any more.
    func timedOut() -> Bool {
        switch state {
        case .reading, .admitted: refuse(.handshakeTimeout)
        case .queued(let outgoing, _, let ticket): refuse(ticket.refusal, route: outgoing.route)
        case .connecting(let decision, _): refuse(.responseTimeout, route: decision.route)
        case .relayingRefusal: return false
        case .forwarding, .answered, .relaying: break
        }
        return true
    }

    /// The client can take more of a refusal, or no more for now.
    func writabilityChanged() {
        switch state {
        case .relayingRefusal(_, _, let leg):
            if let responder { leg.setMayRead(responder.isWritable) }
        case .forwarding(let forwarding):
            forwarding.writabilityChanged()
        case .reading, .queued, .admitted, .connecting, .answered, .relaying:
            break
        }
    }

    /// The client is gone: what an admission had taken is returned.
    func clientGone() {
        giveUpDecision()
        if !isRelaying { state = .answered }
    }

    private var log: RequestLog { RequestLog(loop.process.logger, requestID: requestID) }

    /// Returns what was taken for the request, and ends what was begun.
    func giveUpDecision() {
        queueTimer?.cancel()
        switch state {
        case .queued(_, _, let ticket):
            ticket.leave()
        case .admitted(let decision):
            decision.permit.release()
        case .connecting(let decision, let attempt), .relayingRefusal(let decision, let attempt, _):
            decision.permit.release()
            attempt.cancel()
        case .forwarding(let forwarding):
            forwarding.clientGone()
        case .reading, .answered, .relaying:
            break
        }
    }
}
