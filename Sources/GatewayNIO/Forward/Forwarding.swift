import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
import HTTPTypes
import Logging
import NIOCore

/// Whoever a forwarded request belongs to.
protocol ForwardingOwner: AnyObject {
    /// Nothing of a response has gone to the client: it is to be answered with this.
    func forwardingFailed(_ refusal: Refusal, route: RouteConfiguration)
    /// The forwarding is over, and says its last word to the client next.
    func forwardingEnded()
}

/// One plain request on its way: finds a server for it, streams its content there and the response back, each at the pace
/// of whoever reads it, and keeps the time.
final class Forwarding {
    /// How it ended, for the log.
    private enum Outcome: String {
        case complete
        case clientAborted = "client_aborted"
        case serverAborted = "server_aborted"
        case timeout
        case tooLarge = "too_large"
        /// The gateway answered, and why is in the log before it.
        case refused
    }

    let id: UInt64
    private let decision: ForwardDecision
    private let listener: CompiledListener
    private let loop: LoopContext
    private let log: RequestLog
    private let lines: RequestLines
    private let counters: RouteCounters
    private weak var owner: (any ForwardingOwner)?
    private weak var responder: (any ClientResponder)?
    private var isOver = false
    /// Its place under the route's `max_requests`.
    private var permit: Permit?
    /// For a place under it.
    private var ticket: WaitingTicket?
    /// Until when it may wait for a place, and for one on a server.
    private var queueDeadline = NIODeadline.distantFuture
    /// nil: it has no place yet.
    private var attempt: UpstreamAttempt?

    // MARK: The request's content

    private var leg: (any RequestLeg)?
    /// What came before there was a server to take it, or faster than it does: no more than one read brings.
    private var pending: ByteBuffer?
    private var hasContentEnded: Bool
    private var trailers: HTTPFields?

    // MARK: The response

    private var responseLeg: (any UpstreamLeg)?
    private var server: LiveServer?
    private var status: Int?

    private var bytes = (fromClient: 0, toClient: 0)
    private let startedAt = NIODeadline.now()
    private var lastActivity: NIODeadline
    /// Until when the server may take to answer; nil: the request is not whole yet, or the answer is here.
    private var responseDeadline: NIODeadline?

    init(
        _ decision: ForwardDecision, listener: CompiledListener, loop: LoopContext, log: RequestLog,
        lines: RequestLines, owner: any ForwardingOwner, responder: any ClientResponder
    ) {
        id = loop.makeID()
        self.decision = decision
        self.listener = listener
        self.loop = loop
        self.log = log
        self.lines = lines
        self.owner = owner
        self.responder = responder
        counters = loop.counters(of: decision.outgoing.liveRoute)
        lastActivity = startedAt
        hasContentEnded = if case .none = decision.content { true } else { false }
    }

    private var outgoing: OutgoingRequest { decision.outgoing }
    private var route: RouteConfiguration { decision.route }

    /// Looks for a place under the route's cap, and then for a server.
    func start() {
        loop.forwardings.add(self)
        if let queue = route.queue { queueDeadline = startedAt + TimeAmount(queue.timeout) }
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let entry = loop.process.admission.admitRequest(route: route) { [eventLoop = loop.eventLoop] result in
            eventLoop.execute { this.value.placeIsFree(result) }
        }
        switch entry {
        case .place(let permit): admitted(permit)
        case .waiting(let ticket): self.ticket = ticket
        case .refused(let refusal): fail(refusal)
        }
    }

    private func placeIsFree(_ result: Result<Permit, Refusal>) {
        // Who has gone meanwhile only drops what it was given.
        guard ticket.take() != nil, !isOver else { return }
        switch result {
        case .success(let permit): admitted(permit)
        case .failure(let refusal): fail(refusal)
        }
    }

    private func admitted(_ permit: Permit) {
        self.permit = permit
        counters.requestBegan()
        let upstream = decision.upstream
        let namesClient = upstream.configuration.proxyProtocol != .off
        let attempt = UpstreamAttempt(
            upstream: upstream, ask: .plain(decision.plainRequest()), choice: outgoing.choice(in: upstream),
            queue: (outgoing, queueDeadline),
            client: namesClient ? responder?.endpoints.from(outgoing.forwarded.clientAddress) : nil, loop: loop,
            log: log, delegate: self)
        self.attempt = attempt
        attempt.start()
    }

    // MARK: What the client's side reports

    func contentArrived(_ content: ByteBuffer) {
        guard !isOver else { return }
        lastActivity = .now()
        bytes.fromClient += content.readableBytes
        counters.requestBytes(fromClient: content.readableBytes)
        if route.maxBodySize > 0, bytes.fromClient > route.maxBodySize {
            return giveUp(.tooLarge, .bodyTooLarge)
        }
        if let leg, leg.isWritable, pending == nil {
            leg.send(content)
        } else if pending == nil {
            pending = content.kept
        } else {
            pending?.writeImmutableBuffer(content)
        }
        responder?.setMayRead(pending == nil && leg?.isWritable == true)
    }

    func contentEnded(trailers: HTTPFields?) {
        guard !isOver, !hasContentEnded else { return }
        hasContentEnded = true
        self.trailers = trailers.flatMap { TrailerFields.kept($0, edits: route.requestHeaders) }
        endContentIfSent()
    }

    /// The content can't be read to its end.
    func contentFailed(_ refusal: Refusal) { giveUp(.clientAborted, refusal) }

    func contentReadComplete() { leg?.flush() }

    private func endContentIfSent() {
        guard hasContentEnded, pending == nil, let leg else { return }
        leg.endContent(trailers: trailers)
        if status == nil { waitForResponse() }
    }

    private func waitForResponse() {
        responseDeadline = .now() + TimeAmount(decision.upstream.configuration.plainResponseTimeout)
    }

    /// The client can take more of the response, or no more for now.
    func writabilityChanged() {
        guard let responder, let responseLeg else { return }
        if responder.isWritable { lastActivity = .now() }
        responseLeg.setMayRead(responder.isWritable)
    }

    func clientGone() {
        finish(.clientAborted)?.cancel()
        loop.checkEmpty()
    }

    // MARK: Time

    func timeReached(_ now: NIODeadline) {
        guard !isOver else { return }
        if let ticket, now >= queueDeadline {
            // Otherwise its place is on its way to it.
            if ticket.leave() { fail(ticket.refusal) }
            return
        }
        if let attempt, let responseDeadline {
            if attempt.isWaiting {
                waitForResponse()
            } else if now >= responseDeadline {
                // It tells that it has failed.
                self.responseDeadline = nil
                return attempt.timedOut()
            }
        }
        let idle = TimeAmount(route.session.idleTimeout)
        let lifetime = TimeAmount(route.session.maxLifetime)
        let isIdle = idle > .zero && now >= lastActivity + idle
        guard isIdle || lifetime > .zero && now >= startedAt + lifetime else { return }
        giveUp(.timeout, hasContentEnded ? .responseTimeout : .requestTimeout)
    }

    /// Ends both sides.
    private func giveUp(_ outcome: Outcome, _ refusal: Refusal) {
        guard !isOver else { return }
        guard status != nil else { return fail(refusal) }
        let responder = responder
        finish(outcome)?.cancel()
        owner?.forwardingEnded()
        responder?.abortAnswer()
        loop.checkEmpty()
    }

    /// Nothing of a response has gone to the client.
    private func fail(_ refusal: Refusal) {
        guard !isOver else { return }
        finish(.refused)?.cancel()
        owner?.forwardingFailed(refusal, route: route)
        loop.checkEmpty()
    }

    /// Counts and logs the request, and gives back what it held.
    ///
    /// - Returns: what may have to be cancelled; nil: it was over already, or was never let in.
    private func finish(_ outcome: Outcome) -> UpstreamAttempt? {
        guard !isOver else { return nil }
        isOver = true
        let attempt = attempt.take()
        leg = nil
        responseLeg = nil
        pending = nil
        ticket = nil
        loop.forwardings.remove(id)
        guard let permit = permit.take() else { return nil }
        permit.release()
        let duration = NIODeadline.now() - startedAt
        let microseconds = UInt64(clamping: duration.nanoseconds / 1000)
        counters.requestEnded(status: status, microseconds: microseconds)
        counters.served(lines.requestID, microseconds: microseconds, at: loop.secondsSince1970)
        logEnd(outcome, duration)
        return attempt
    }

    private func logEnd(_ outcome: Outcome, _ duration: TimeAmount) {
        let log = loop.generation.configuration.log
        guard log.access, outcome != .refused else { return }
        let isFault = outcome != .complete || (status ?? 0) >= 500
        guard isFault || loop.isSampled(log),
            var line = lines.begin(
                "request served", client: outgoing.forwarded.clientAddress, protection: responder?.protection,
                query: log.query)
        else { return }
        line.add("trace_id", outgoing.trace.traceID)
        line.add("route", route.name)
        if let server { line.add("server", server.address.description) }
        if let serverVersion { line.add("server_protocol", serverVersion.rawValue) }
        if let status { line.add("status", status) }
        line.add("duration_seconds", duration.seconds)
        line.add("bytes_from_client", bytes.fromClient)
        line.add("bytes_to_client", bytes.toClient)
        line.add("outcome", outcome.rawValue)
        lines.write(line)
    }

    private var serverVersion: LegVersion?
}

extension Forwarding: UpstreamAttemptDelegate {
    /// Never asked for.
    func upgraded(_ server: UpgradedServer) {
        server.server.giveUp()
        server.leg.giveUp()
    }

    func mayGiveContent(to leg: any RequestLeg) {
        guard !isOver else { return }
        self.leg = leg
        lastActivity = .now()
        if let content = pending.take() { leg.send(content) }
        if decision.content.isSome { endContentIfSent() } else { waitForResponse() }
        leg.flush()
        responder?.setMayRead(leg.isWritable)
    }

    func informed(_ response: HTTPResponse) {
        guard status == nil, let responder else { return }
        lastActivity = .now()
        var response = response
        response.headerFields = HeaderFilter.response(response.headerFields, isHandshake: false)
        // It has no content (RFC 9110 §8.6).
        response.headerFields[.contentLength] = nil
        responder.inform(response)
    }

    func answered(_ response: HTTPResponse, by leg: any UpstreamLeg, server: LiveServer) {
        guard !isOver, let responder else { return leg.giveUp() }
        responseDeadline = nil
        lastActivity = .now()
        status = response.status.code
        self.server = server
        serverVersion = leg.version
        responseLeg = leg
        var response = outgoing.response(response, date: loop.date)
        if let cookie = outgoing.stickyCookie(for: server, isTLS: listener.configuration.tls != nil) {
            response.headerFields.append(cookie)
        }
        responder.beginAnswer(response)
    }

    func responseContent(_ content: ByteBuffer) {
        guard !isOver, let responder else { return }
        lastActivity = .now()
        bytes.toClient += content.readableBytes
        counters.requestBytes(toClient: content.readableBytes)
        responder.continueAnswer(content)
        if !responder.isWritable { responseLeg?.setMayRead(false) }
    }

    func responseReadComplete() { responder?.flushAnswer() }

    func responseEnded(isWhole: Bool, trailers: HTTPFields?) {
        guard !isOver else { return }
        let responder = responder
        _ = finish(isWhole ? .complete : .serverAborted)
        owner?.forwardingEnded()
        if isWhole {
            responder?.endAnswer(
                trailers: trailers.flatMap { TrailerFields.kept($0, edits: route.responseHeaders) })
        } else {
            responder?.abortAnswer()
        }
        // Behind the answer: a drain is to wait until that has gone.
        loop.checkEmpty()
    }

    func failed(_ refusal: Refusal) { fail(refusal) }
}

extension RequestContent {
    /// Something follows the head.
    var isSome: Bool { if case .none = self { false } else { true } }
}
