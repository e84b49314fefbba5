import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import Logging
import NIOCore
import WebSocketCore

/// One request of a client, over either HTTP version, until it is answered or a session has taken over: has it decided,
/// finds a server, answers.
final class ClientExchange {
    private enum State {
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

    private let listener: CompiledListener
    let version: LegVersion
    private let loop: LoopContext
    private let isFirst: Bool
    /// When the connection was accepted that this is the first request of; of others, when the head came.
    private var startedAt = NIODeadline.now()
    /// The gateway's own, until a trusted proxy turns out to have sent one.
    private var requestID: String
    private let peer: () -> ClientAddress
    private weak var responder: (any ClientResponder)?
    private var state = State.reading
    /// The one that the request is decided on by, and stays with.
    private var generation: Generation
    private var isHead = false
    /// nil: no head that can be read has come.
    private var logged: LoggedRequest?
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
                decision, version: version, listener: listener, loop: loop, log: log, requestID: requestID,
                logged: logged, owner: self, responder: responder)
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

    func refuse(_ refusal: Refusal, route: RouteConfiguration? = nil) {
        note(refusal, route: route)
        answer(GatewayAnswer(refusal, requestID: requestID))
    }

    /// For a client that speaks HTTP where TLS is expected. Whoever asks sends the answer, since nothing that is written
    /// the usual way goes out without TLS.
    func refusePlainHTTP() -> GatewayAnswer {
        note(.plainHTTP, route: nil)
        state = .answered
        var answer = GatewayAnswer(.plainHTTP, requestID: requestID)
        answer.fields[.date] = loop.date
        return answer
    }

    /// Counts and logs a refusal.
    private func note(_ refusal: Refusal, route: RouteConfiguration?) {
        loop.process.telemetry.rejected(refusal.key, listener: listener.configuration.name)
        if let route { loop.counters(of: loop.process.route(route.name)).rejected(refusal.key) }
        if var line = line("request refused", hasFields: false) {
            line.add("status", refusal.status)
            line.add("refusal", refusal.key)
            if let route { line.add("route", route.name) }
            switch refusal {
            case .badAnswer(let reason), .badRequest(let reason): line.add("reason", reason)
            default: break
            }
            loop.process.lineLog.write(line)
        }
    }

    /// Begins a line about the request; nil: nobody wants it.
    private func line(_ message: String, client: ClientAddress? = nil, hasFields: Bool = true) -> LogLine? {
        guard var line = loop.process.lineLog.begin(message) else { return nil }
        line.add("request_id", requestID)
        line.add("listener", listener.configuration.name)
        line.add("client_protocol", version.rawValue)
        if let logged {
            logged.write(
                to: &line, client: client, protection: responder?.protection, hasFields: hasFields,
                query: generation.configuration.log.query && hasFields)
        } else {
            line.add("client", peer().description)
        }
        return line
    }

    /// Answers what the route itself has an answer for.
    private func serve(_ answer: GatewayAnswer, of route: RouteConfiguration) {
        let log = generation.configuration.log
        if log.access, answer.status >= 500 || loop.isSampled(log), var line = line("request served") {
            line.add("route", route.name)
            line.add("status", answer.status)
            line.add("duration_seconds", (NIODeadline.now() - startedAt).seconds)
            line.add("bytes_from_client", 0)
            line.add("bytes_to_client", isHead ? 0 : answer.body.readableBytes)
            line.add("outcome", "complete")
            loop.process.lineLog.write(line)
        }
        self.answer(answer)
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

    private func answer(_ answer: GatewayAnswer) {
        giveUpDecision()
        state = .answered
        var answer = answer
        answer.isForHead = isHead
        if answer.fields[.date] == nil { answer.fields[.date] = loop.date }
        responder?.answer(answer)
    }

    private func giveUpDecision() {
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

extension ClientExchange: UpstreamAttemptDelegate {
    func failed(_ refusal: Refusal) {
        guard case .connecting(let decision, _) = state else { return }
        refuse(refusal, route: decision.route)
    }

    func answered(_ response: HTTPResponse, by leg: any UpstreamLeg, server: LiveServer) {
        guard case .connecting(let decision, let attempt) = state, let responder else { return leg.giveUp() }
        if version == .http2, response.status.kind == .successful {
            // Success is what tells this client that its WebSocket is open (RFC 8441 §5).
            return refuse(
                .badAnswer("status is \(response.status.code), expected 101 or a refusal"), route: decision.route)
        }
        state = .relayingRefusal(decision, attempt, leg)
        loop.process.telemetry.rejected("upstream_refused", listener: listener.configuration.name)
        loop.counters(of: decision.outgoing.liveRoute).rejected("upstream_refused")
        if var line = line(
            "server refused", client: decision.outgoing.forwarded.clientAddress, hasFields: false)
        {
            line.add("status", response.status.code)
            line.add("route", decision.route.name)
            line.add("server", server.address.description)
            loop.process.lineLog.write(line)
        }
        responder.beginAnswer(decision.outgoing.response(response, date: loop.date))
    }

    func responseContent(_ bytes: ByteBuffer) {
        guard case .relayingRefusal(_, _, let leg) = state, let responder else { return }
        responder.continueAnswer(bytes)
        leg.setMayRead(responder.isWritable)
    }

    func responseReadComplete() { responder?.flushAnswer() }

    func responseEnded(isWhole: Bool, trailers: HTTPFields?) {
        guard case .relayingRefusal = state else { return }
        giveUpDecision()
        state = .answered
        if isWhole { responder?.endAnswer(trailers: nil) } else { responder?.abortAnswer() }
    }

    /// Those are a plain request's.
    func informed(_ response: HTTPResponse) {}
    func mayGiveContent(to leg: any RequestLeg) {}

    func upgraded(_ server: UpgradedServer) {
        guard case .connecting(let decision, _) = state, let responder else {
            server.server.giveUp()
            return server.leg.giveUp()
        }
        do {
            let extensions = try decision.negotiation.conclude(serverAnswer: server.extensions)
            relay(responder, decision, server, extensions)
        } catch {
            server.server.giveUp()
            server.leg.giveUp()
            refuse(.badAnswer("\(error)"), route: decision.route)
        }
    }

    private static func responseFields(
        _ decision: ProxyDecision, _ server: UpgradedServer, _ extensions: SessionExtensions
    ) -> HTTPFields {
        if decision.upgrade.draft == .hixie76 {
            return LegacyHandshake.hixieResponseFields(
                to: decision.upgrade, subprotocol: server.subprotocol, isSecure: decision.outgoing.forwarded.isSecure
            )
        }
        return ServerHandshake.responseFields(
            key: decision.upgrade.key, accept: server.accept, subprotocol: server.subprotocol,
            extensions: extensions.clientAnswer)
    }

    /// Tells the client that it has its WebSocket, and gives both legs to a session.
    private func relay(
        _ responder: any ClientResponder, _ decision: ProxyDecision, _ server: UpgradedServer,
        _ extensions: SessionExtensions
    ) {
        // Before the answer: whoever has read that finds this session's share of zlib's memory taken.
        let log = generation.configuration.log
        let isSampled = loop.isSampled(log)
        let info = SessionInfo(
            decision, server, extensions, listener: listener.configuration.name, clientVersion: version,
            startedAt: startedAt,
            isSampled: isSampled, loop: loop)
        if log.access, isSampled { logOpening(decision, server, extensions) }
        let driver = loop.add(from: generation) { id in
            SessionDriver(
                id: id, info: info,
                session: GatewaySession(
                    rules: decision.outgoing.rules, extensions: extensions, zlib: loop.zlib,
                    maskKeys: loop.maskKeys, route: decision.route.name, now: .now()))
        }
        var fields = Self.responseFields(decision, server, extensions)
        var serverFields = server.fields
        serverFields[.xRequestID] = requestID
        serverFields = HeaderFilter.response(
            serverFields, edits: decision.route.responseHeaders, isHandshake: true)
        ResponseRestoration.apply(
            to: &serverFields, by: decision.route.rewrite, host: decision.outgoing.request.authority ?? "")
        fields.append(contentsOf: serverFields)
        if let live = server.server.live,
            let cookie = decision.outgoing.stickyCookie(
                for: live, isTLS: listener.configuration.tls != nil)
        {
            fields.append(cookie)
        }
        state = .relaying
        do {
            try responder.relay(with: driver, response: fields)
            try server.leg.relay(with: driver)
            driver.start()
        } catch {
            // One of the connections closed this very moment.
            server.leg.giveUp()
            driver.abandon()
        }
    }
}

extension ClientExchange {
    private func logOpening(_ decision: ProxyDecision, _ server: UpgradedServer, _ extensions: SessionExtensions) {
        guard var line = line("connection opened", client: decision.outgoing.forwarded.clientAddress) else { return }
        line.add("trace_id", decision.outgoing.trace.traceID)
        line.add("route", decision.route.name)
        line.add("server", server.server.name)
        line.add("server_protocol", server.server.isCommand ? "command" : server.leg.version.rawValue)
        if let subprotocol = server.subprotocol { line.add("subprotocol", subprotocol) }
        if let answer = extensions.clientAnswer { line.add("extensions", answer) }
        if let draft = decision.upgrade.draft { line.add("legacy_version", draft.rawValue) }
        line.add("handshake_seconds", (NIODeadline.now() - startedAt).seconds)
        loop.process.lineLog.write(line)
    }
}

extension TimeAmount {
    /// To the microsecond.
    var seconds: Double { Double(nanoseconds / 1000) / 1_000_000 }
}

extension ClientExchange: ForwardingOwner {
    func forwardingFailed(_ refusal: Refusal, route: RouteConfiguration) {
        guard isForwarding else { return }
        state = .reading
        refuse(refusal, route: route)
    }

    func forwardingEnded() {
        if isForwarding { state = .answered }
    }
}
