import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Logging
import NIOCore
import WebSocketCore

// What a server answers, and what becomes of the attempt by it.
extension UpstreamAttempt: UpstreamLegDelegate {
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
                    subprotocol: agreement.subprotocol, extensions: agreement.extensions,
                    accept: agreement.accept))
        } catch {
            self.leg(leg, answeredBadly: error.message)
        }
    }

    func leg(_ leg: any UpstreamLeg, answeredBadly reason: String) {
        guard !isOver, let current else { return leg.giveUp() }
        leg.giveUp()
        log.warning(
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
        log.info(
            "server refused a stream",
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
        if triesLeft > 0, upstream.allServers.count == tried.count {
            tried.removeAll { $0 == server.address }
        }
        tryNext()
    }

    func legLacksHTTP2(_ leg: any UpstreamLeg, reason: String) {
        guard !isOver, let current else { return }
        guard upstream.configuration.protocol == .auto, !hasSentContent(leg) else {
            return self.leg(leg, answeredBadly: reason)
        }
        log.info(
            isPlain
                ? "server does not support HTTP/2; the gateway uses HTTP/1.1"
                : "server does not support WebSockets over HTTP/2; the gateway uses HTTP/1.1",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        askOverHTTP1(current.server)
    }

    func legTimedOut(_ leg: any UpstreamLeg) {
        timedOut()
    }
}

extension PlainRequest {
    /// Whether it changes nothing to carry it out twice (RFC 9110 §9.2.2), and there is nothing that would have to be sent
    /// twice.
    fileprivate var mayBeRepeated: Bool {
        guard case .none = content else { return false }
        return [.get, .head, .options, .trace, .put, .delete].contains(method)
    }
}
