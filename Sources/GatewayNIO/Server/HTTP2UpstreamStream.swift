import GatewayConfig
import GatewayPolicy
import GatewaySession
import HTTP2Core
import HTTPTypes
import NIOCore
import WebSocketCore

/// Client role over HTTP/2 (RFC 8441 §5): one WebSocket asked for on a stream of a shared connection, until a session
/// takes the stream over.
final class HTTP2UpstreamStream: HTTP2StreamDelegate, WebSocketLeg {
    private enum State {
        /// For a connection, or the answer.
        case waiting
        /// Another response is being passed on.
        case refusing
        case over
    }

    let version = LegVersion.http2
    private let request: UpstreamRequest
    private let isTLS: Bool
    private let pool: HTTP2Pool
    /// Kept until the end: it has nobody else when its client is gone.
    private var delegate: (any UpstreamLegDelegate)?
    private var state = State.waiting
    private var stream: HTTP2Stream?
    private var handler: HTTP2Handler?
    private var timer: Scheduled<Void>?
    /// What came of a refusal's body while the client could not take it.
    private var held: ByteBuffer?
    private var mayRead = true
    private var hasUnreadEnd = false

    init(request: UpstreamRequest, pool: HTTP2Pool, delegate: any UpstreamLegDelegate) {
        self.request = request
        self.pool = pool
        isTLS = pool.transport.tls != nil
        self.delegate = delegate
    }

    /// The request as it is sent.
    var head: HTTPRequest {
        var head = HTTPRequest(
            method: .connect, scheme: isTLS ? "https" : "http", authority: request.host, path: request.path,
            headerFields: request.fields)
        head.extendedConnectProtocol = "websocket"
        head.headerFields.append(
            contentsOf: ClientHandshake.requestFields(
                key: nil, subprotocols: request.subprotocols, extensions: request.extensions))
        return head
    }

    // MARK: What the connection tells

    func opened(_ stream: HTTP2Stream, on handler: HTTP2Handler) {
        self.stream = stream
        self.handler = handler
        stream.delegate = self
        let this = NIOLoopBound(self, eventLoop: pool.loop.eventLoop)
        timer = pool.loop.eventLoop.scheduleTask(in: pool.responseTimeout) {
            guard case .waiting = this.value.state else { return }
            this.value.finish { $0.legTimedOut(this.value) }
            this.value.reset()
        }
    }

    /// The connection can't take it after all.
    func moveOn() {
        finish { $0.legNotProcessed(self, .serverMaxConnections, reason: "the connection takes no more streams") }
    }

    func failed(_ error: any Error) {
        finish { $0.leg(self, failedWith: error) }
    }

    func lacksHTTP2(_ reason: String) {
        finish { $0.legLacksHTTP2(self, reason: reason) }
    }

    /// Tells the delegate what became of it, and forgets it.
    private func finish(_ tell: (any UpstreamLegDelegate) -> Void) {
        timer?.cancel()
        state = .over
        if let delegate = delegate.take() { tell(delegate) }
    }

    private func reset() {
        timer?.cancel()
        guard let stream, let handler else { return }
        if stream.delegate === self { stream.delegate = nil }
        handler.connection.reset(stream, .cancel)
        handler.scheduleFlush()
    }

    // MARK: HTTP2StreamDelegate

    func stream(_ stream: HTTP2Stream, received response: HTTPResponse) {
        guard case .waiting = state else { return }
        timer?.cancel()
        state = .refusing
        delegate?.leg(self, answered: response)
    }

    func stream(_ stream: HTTP2Stream, received bytes: ByteBuffer) {
        if mayRead, held == nil {
            pass(bytes)
        } else if held == nil {
            held = ByteBuffer(bytes: bytes.readableBytesView)
        } else {
            held?.writeImmutableBuffer(bytes)
        }
    }

    private func pass(_ bytes: ByteBuffer) {
        guard case .refusing = state, let stream else { return }
        handler?.consumed(bytes.readableBytes, of: stream)
        delegate?.leg(self, content: bytes)
    }

    func streamEnded(_ stream: HTTP2Stream) {
        hasUnreadEnd = true
        passEnd()
    }

    private func passEnd() {
        guard hasUnreadEnd, held == nil else { return }
        switch state {
        case .waiting: brokeOff("ended")
        case .refusing: finish { $0.legEndedResponse(self, isWhole: true, trailers: nil) }
        case .over: break
        }
        reset()
    }

    func stream(_ stream: HTTP2Stream, closed reason: HTTP2StreamClosure) {
        switch state {
        case .waiting:
            switch reason {
            case .notProcessed:
                finish { $0.legNotProcessed(self, .connectFailed, reason: "the server takes no more streams") }
            case .reset(.refusedStream):
                finish {
                    $0.legNotProcessed(self, .serverMaxConnections, reason: "the server refused the stream")
                }
            case .reset(.http11Required):
                pool.server.lacksHTTP2(now: .now())
                lacksHTTP2("the server reset the stream with HTTP_1_1_REQUIRED")
            case .reset(let code), .violation(let code):
                brokeOff("was reset with \(code.name)")
            case .connectionLost:
                brokeOff("was lost with its connection")
            }
        case .refusing:
            // A server may cut what is left of a request once its answer is whole (RFC 9113 §8.1): that is handed on first.
            if stream.remoteEnded, held != nil { break }
            finish { $0.legEndedResponse(self, isWhole: stream.remoteEnded, trailers: nil) }
        case .over:
            break
        }
    }

    private func brokeOff(_ how: String) {
        finish { $0.legBrokeOff(self, reason: "the stream \(how) before the server's answer") }
    }

    func streamIsWritable(_ stream: HTTP2Stream) {}

    // MARK: UpstreamLeg

    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement? {
        guard response.status.kind == .successful else { return nil }
        let (subprotocol, extensions) = try ClientHandshake.verifyExtendedConnect(
            status: response.status.code, fields: response.headerFields, offeredSubprotocols: request.subprotocols)
        return UpstreamAgreement(subprotocol: subprotocol, extensions: extensions)
    }

    func setMayRead(_ mayRead: Bool) {
        self.mayRead = mayRead
        guard mayRead, let bytes = held.take() else { return }
        pass(bytes)
        passEnd()
    }

    func giveUp() {
        state = .over
        delegate = nil
        if stream == nil { pool.forget(self) }
        reset()
    }

    func relay(with driver: SessionDriver) throws {
        guard let stream, let handler, !stream.isClosed else { throw ChannelError.ioOnClosedChannel }
        state = .over
        delegate = nil
        _ = HTTP2Leg(.server, on: stream, of: handler, driver: driver)
    }
}
