import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import NIOCore
import WebSocketCore

// What the gateway itself answers, and what the log says of a request.
extension ClientExchange {
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
            lines.write(line)
        }
    }

    /// The lines of the log about the request, as far as it is known.
    var lines: RequestLines {
        RequestLines(
            log: loop.process.lineLog, requestID: requestID, listener: listener.configuration.name, version: version,
            request: logged, peer: peer)
    }

    /// Begins a line about the request; nil: nobody wants it.
    func line(_ message: String, client: ClientAddress? = nil, hasFields: Bool = true) -> LogLine? {
        lines.begin(
            message, client: client, protection: responder?.protection, hasFields: hasFields,
            query: generation.configuration.log.query)
    }

    /// Answers what the route itself has an answer for.
    func serve(_ answer: GatewayAnswer, of route: RouteConfiguration) {
        let log = generation.configuration.log
        if log.access, answer.status >= 500 || loop.isSampled(log), var line = line("request served") {
            line.add("route", route.name)
            line.add("status", answer.status)
            line.add("duration_seconds", (NIODeadline.now() - startedAt).seconds)
            line.add("bytes_from_client", 0)
            line.add("bytes_to_client", isHead ? 0 : answer.body.readableBytes)
            line.add("outcome", "complete")
            lines.write(line)
        }
        self.answer(answer)
    }

    func answer(_ answer: GatewayAnswer) {
        giveUpDecision()
        state = .answered
        var answer = answer
        answer.isForHead = isHead
        if answer.fields[.date] == nil { answer.fields[.date] = loop.date }
        responder?.answer(answer)
    }

    /// A WebSocket is open.
    func logOpening(_ decision: ProxyDecision, _ server: UpgradedServer, _ extensions: SessionExtensions) {
        guard var line = line("connection opened", client: decision.outgoing.forwarded.clientAddress) else { return }
        line.add("trace_id", decision.outgoing.trace.traceID)
        line.add("route", decision.route.name)
        line.add("server", server.server.name)
        line.add("server_protocol", server.server.isCommand ? "command" : server.leg.version.rawValue)
        if let subprotocol = server.subprotocol { line.add("subprotocol", subprotocol) }
        if let answer = extensions.clientAnswer { line.add("extensions", answer) }
        if let draft = decision.upgrade.draft { line.add("legacy_version", draft.rawValue) }
        line.add("handshake_seconds", (NIODeadline.now() - startedAt).seconds)
        lines.write(line)
    }
}

extension TimeAmount {
    /// To the microsecond.
    var seconds: Double { Double(nanoseconds / 1000) / 1_000_000 }
}
