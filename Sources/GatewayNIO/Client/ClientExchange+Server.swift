import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import NIOCore
import WebSocketCore

// What becomes of the search for a server.
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
            lines.write(line)
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
