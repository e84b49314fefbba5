import GatewaySession
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOTLS
import SocketTransport
import WebSocketCore

/// Client role over HTTP/1.1 (RFC 6455 §4.1): sends the upgrade once connected, reads the answer, then makes way for
/// a `SocketLeg`.
final class UpstreamHandshake: ChannelDuplexHandler, RemovableChannelHandler, WebSocketLeg {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPClientRequestPart

    private enum State {
        case connecting
        case waiting
        /// The 101 is here; frames may follow it at once.
        case switching(HTTPResponseHead)
        /// Another response is being passed on.
        case refusing
        case over
    }

    let version = LegVersion.http1
    var asWebSocket: (any WebSocketLeg)? { self }
    private let request: UpstreamRequest
    private let key: String
    private let isTLS: Bool
    private let timeout: TimeAmount
    private weak var delegate: (any UpstreamLegDelegate)?
    private var keepsAttempt: (any UpstreamLegDelegate)?
    private var state = State.connecting
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    private let gate: HTTP1Gate
    private let encoder = HTTPRequestEncoder()
    private let decoder: ByteToMessageHandler<HTTPResponseDecoder>
    private var lastError: (any Error)?
    /// Whether the client can take more of a refusal's body.
    private var mayRead = true
    private var owesRead = false

    init(
        request: UpstreamRequest, isTLS: Bool, timeout: TimeAmount, delegate: any UpstreamLegDelegate
    ) {
        self.request = request
        // A client's own key over HTTP/1.1 is as good; over HTTP/2 it has none.
        key = request.clientKey ?? HandshakeKey.make(from: (.random(in: .min ... .max), .random(in: .min ... .max)))
        self.isTLS = isTLS
        self.timeout = timeout
        self.delegate = delegate
        keepsAttempt = delegate
        gate = HTTP1Gate(maxLength: NIOHTTPDecoderLimitConfiguration().maxHeaderListSize)
        decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
    }

    func addCodec(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        try pipeline.addHandler(gate)
        try pipeline.addHandler(encoder)
        try pipeline.addHandler(decoder)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive && !isTLS { send(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        keepsAttempt = nil
        timer?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isTLS { send(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isTLS, case TLSUserEvent.handshakeCompleted = event { send(context) }
        if case ChannelEvent.inputClosed = event { ended(context, nil) }
    }

    private func send(_ context: ChannelHandlerContext) {
        guard case .connecting = state else { return }
        state = .waiting
        var headers = HTTPHeaders([("Host", request.host)])
        headers.add(contentsOf: HTTP1Head.headers(from: request.fields))
        headers.add(
            contentsOf: HTTP1Head.headers(
                from: ClientHandshake.requestFields(
                    key: key, subprotocols: request.subprotocols, extensions: request.extensions)))
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: request.path, headers: headers)
        gate.narrowNextWrite()
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: timeout) { this.value.timedOut() }
    }

    private func timedOut() {
        guard case .waiting = state else { return }
        state = .over
        delegate?.legTimedOut(self)
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting):
            timer?.cancel()
            if head.status == .switchingProtocols {
                gate.hold()
                state = .switching(head)
            } else {
                state = .refusing
                answered(head)
            }
        case (.body(let bytes), .refusing):
            delegate?.leg(self, content: bytes)
        case (.end, .switching(let head)):
            state = .over
            answered(head)
        case (.end, .refusing):
            state = .over
            delegate?.legEndedResponse(self, isWhole: true, trailers: nil)
            context.close(promise: nil)
        default:
            break
        }
    }

    private func answered(_ head: HTTPResponseHead) {
        if let response = HTTP1Head.response(from: head) {
            delegate?.leg(self, answered: response)
        } else {
            delegate?.leg(self, answeredBadly: "status is \(head.status.code), expected 100 to 599")
        }
    }

    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement? {
        guard response.status.code == 101 else { return nil }
        let (subprotocol, extensions) = try ClientHandshake.verify(
            status: 101, fields: response.headerFields, key: key, offeredSubprotocols: request.subprotocols)
        return UpstreamAgreement(subprotocol: subprotocol, extensions: extensions)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .refusing = state { delegate?.legReadComplete(self) }
    }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { owesRead = true }
    }

    /// Holds back or goes on reading a refusal's body, at the pace of the client.
    func setMayRead(_ mayRead: Bool) {
        self.mayRead = mayRead
        guard mayRead, owesRead else { return }
        owesRead = false
        context?.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (error, state) {
        case (HTTPParserError.invalidEOFState, _):
            // The end itself is told next.
            return
        case (is HTTPParserError, .waiting), (is NIOHTTPDecoderError, .waiting):
            timer?.cancel()
            delegate?.leg(self, answeredBadly: "the answer is no HTTP/1.1 (\(error)); \(whatCame)")
        default:
            lastError = error
            context.close(promise: nil)
        }
    }

    /// How the answer begins, for the log.
    private var whatCame: String { HTTP1Head.shown(gate.beginning) }

    func channelInactive(context: ChannelHandlerContext) {
        ended(context, lastError)
    }

    private struct ServerClosed: WordedError {
        var description: String { "server closed the connection" }
    }

    /// - Parameter error: nil for an orderly end.
    private func ended(_ context: ChannelHandlerContext, _ error: (any Error)?) {
        timer?.cancel()
        let state = state
        self.state = .over
        switch state {
        case .connecting:
            delegate?.leg(self, failedWith: error ?? ServerClosed())
        case .waiting, .switching:
            let how =
                error.map { "the connection broke (\(ConnectFailure.text(for: $0)))" }
                ?? "the server ended the connection"
            let place = gate.beginning.isEmpty ? "before its answer" : "inside its answer; \(whatCame)"
            delegate?.legBrokeOff(self, reason: "\(how) \(place)")
        case .refusing:
            delegate?.legEndedResponse(self, isWhole: false, trailers: nil)
        case .over:
            return
        }
        context.close(promise: nil)
    }

    func giveUp() {
        state = .over
        context?.close(promise: nil)
    }

    func relay(with driver: SessionDriver) throws {
        guard let pipeline = context?.pipeline.syncOperations else { throw ChannelError.ioOnClosedChannel }
        guard let channel = context?.channel as? SocketChannel else { throw ChannelError.operationUnsupported }
        let rest = gate.leave()
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder, promise: nil)
        pipeline.removeHandler(self, promise: nil)
        guard let socket = channel.detach() else { throw ChannelError.ioOnClosedChannel }
        _ = SocketLeg(.server, on: socket, driver: driver)
        if let rest { driver.read(rest, from: .server) }
    }
}
