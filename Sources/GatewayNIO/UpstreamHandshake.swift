import GatewaySession
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOTLS
import WebSocketCore

/// Client role over HTTP/1.1 (RFC 6455 §4.1): sends the upgrade once connected, reads the answer, then makes way for
/// the `RelayHandler`.
final class UpstreamHandshake: ChannelDuplexHandler, RemovableChannelHandler, UpstreamLeg {
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
    private let request: UpstreamRequest
    private let key: String
    private let isTLS: Bool
    private let timeout: TimeAmount
    private weak var delegate: (any UpstreamHandshakeDelegate)?
    private var keepsAttempt: (any UpstreamHandshakeDelegate)?
    private var state = State.connecting
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    private let encoder = HTTPRequestEncoder()
    private let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
    private var lastError: (any Error)?
    /// Whether the client can take more of a refusal's body.
    private var mayRead = true
    private var owesRead = false

    init(
        request: UpstreamRequest, isTLS: Bool, timeout: TimeAmount, delegate: any UpstreamHandshakeDelegate
    ) {
        self.request = request
        // A client's own key over HTTP/1.1 is as good; over HTTP/2 it has none.
        key = request.clientKey ?? HandshakeKey.make(from: (.random(in: .min ... .max), .random(in: .min ... .max)))
        self.isTLS = isTLS
        self.timeout = timeout
        self.delegate = delegate
        keepsAttempt = delegate
    }

    func addCodec(to pipeline: ChannelPipeline.SynchronousOperations) throws {
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
        if case ChannelEvent.inputClosed = event { ended(context, ServerClosed()) }
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
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: timeout) { this.value.timedOut() }
    }

    private func timedOut() {
        guard case .waiting = state else { return }
        state = .over
        delegate?.handshakeTimedOut(self)
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting):
            timer?.cancel()
            if head.status == .switchingProtocols {
                state = .switching(head)
            } else {
                state = .refusing
                answered(head)
            }
        case (.body(let bytes), .refusing):
            delegate?.handshake(self, body: bytes)
        case (.end, .switching(let head)):
            state = .over
            answered(head)
        case (.end, .refusing):
            state = .over
            delegate?.handshakeEndedResponse(self, isWhole: true)
            context.close(promise: nil)
        default:
            break
        }
    }

    private func answered(_ head: HTTPResponseHead) {
        if let response = HTTP1Head.response(from: head) {
            delegate?.handshake(self, answered: response)
        } else {
            delegate?.handshake(self, answeredBadly: "status is \(head.status.code), expected 100 to 599")
        }
    }

    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement? {
        guard response.status.code == 101 else { return nil }
        let (subprotocol, extensions) = try ClientHandshake.verify(
            status: 101, fields: response.headerFields, key: key, offeredSubprotocols: request.subprotocols)
        return UpstreamAgreement(subprotocol: subprotocol, extensions: extensions)
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
        lastError = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(context, lastError ?? ServerClosed())
    }

    private struct ServerClosed: Error, CustomStringConvertible {
        var description: String { "server closed the connection" }
    }

    private func ended(_ context: ChannelHandlerContext, _ error: any Error) {
        timer?.cancel()
        let state = state
        self.state = .over
        switch state {
        case .connecting, .waiting, .switching:
            delegate?.handshake(self, failedWith: error)
        case .refusing:
            delegate?.handshakeEndedResponse(self, isWhole: false)
        case .over:
            return
        }
        context.close(promise: nil)
    }

    func giveUp() {
        state = .over
        context?.close(promise: nil)
    }

    /// Hands the channel over to the session; bytes that came behind the 101 are its first. The codec is gone when the
    /// future is done, and only then may anything be written: the decoder watches what passes.
    func relay(with driver: SessionDriver) throws -> EventLoopFuture<Void> {
        guard let context else { throw ChannelError.ioOnClosedChannel }
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandler(RelayHandler(leg: .server, driver: driver))
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(self, promise: nil)
        return pipeline.removeHandler(decoder)
    }
}
