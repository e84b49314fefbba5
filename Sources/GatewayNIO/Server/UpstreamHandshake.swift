import GatewaySession
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOTLS
import SocketTransport
import WebSocketCore

/// Client role over HTTP/1.1 (RFC 6455 §4.1): sends the upgrade once connected, reads the answer, then makes way for
/// a `SocketLeg`.
///
/// It reads a 101 that is written plainly from the socket itself (`UpstreamHandshake+Socket`), with no pipeline between
/// them. For any other answer it becomes the last handler of a channel, behind NIO's parser.
final class UpstreamHandshake: ChannelDuplexHandler, RemovableChannelHandler, WebSocketLeg {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum State {
        case connecting
        case waiting
        /// The 101 is here; frames may follow it at once.
        case switching(HTTPResponse)
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
    /// Kept as long as the connection is this handshake's.
    private(set) var delegate: (any UpstreamLegDelegate)?
    private(set) var state = State.connecting
    private var timer: Scheduled<Void>?
    /// nil: the connection has no channel.
    private(set) var context: ChannelHandlerContext?
    /// nil: the connection has a channel, or is over.
    var socket: StreamSocket?
    let gate: HTTP1Gate
    /// nil: the answer has not needed it.
    private var parser: ByteToMessageHandler<HTTP1ResponseParser>?
    var lastError: (any Error)?
    /// Whether the client can take more of a refusal's body.
    private(set) var mayRead = true
    var owesRead = false

    init(
        request: UpstreamRequest, isTLS: Bool, timeout: TimeAmount, delegate: any UpstreamLegDelegate
    ) {
        self.request = request
        // A client's own key over HTTP/1.1 is as good; over HTTP/2 it has none.
        key = request.clientKey ?? HandshakeKey.make(from: (.random(in: .min ... .max), .random(in: .min ... .max)))
        self.isTLS = isTLS
        self.timeout = timeout
        self.delegate = delegate
        gate = HTTP1Gate(maxLength: NIOHTTPDecoderLimitConfiguration().maxHeaderListSize)
    }

    func addCodec(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        gate.reader = self
        try pipeline.addHandler(gate)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { connected(on: context.eventLoop) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        left()
    }

    /// The connection is no longer this handshake's.
    func left() {
        delegate = nil
        gate.reader = nil
        timer?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) { connected(on: context.eventLoop) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isTLS, case TLSUserEvent.handshakeCompleted = event { send(on: context.eventLoop) }
        if case ChannelEvent.inputClosed = event { ended(nil) }
    }

    /// There is a connection; TLS may be to come.
    func connected(on eventLoop: any EventLoop) {
        if !isTLS { send(on: eventLoop) }
    }

    /// The connection carries bytes.
    func send(on eventLoop: any EventLoop) {
        guard case .connecting = state else { return }
        state = .waiting
        var head = HTTP1HeadWriter(method: .get, path: request.path)
        head.add("Host", request.host)
        head.add(request.fields)
        head.add(
            ClientHandshake.requestFields(
                key: key, subprotocols: request.subprotocols, extensions: request.extensions))
        let bytes = head.end()
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: timeout) { this.value.timedOut() }
        // The last thing, as the connection may break by it.
        if let socket {
            socket.write(bytes)
            socket.flush()
        } else {
            context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
    }

    private func timedOut() {
        guard case .waiting = state else { return }
        state = .over
        delegate?.legTimedOut(self)
        close()
    }

    private func close() {
        if let socket { socket.close() } else { context?.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting):
            timer?.cancel()
            guard let response = HTTP1Head.response(from: head) else {
                state = .refusing
                delegate?.leg(self, answeredBadly: "status is \(head.status.code), expected 100 to 599")
                return
            }
            headArrived(response)
        case (.body(let bytes), .refusing):
            delegate?.leg(self, content: bytes)
        case (.end, .switching(let response)):
            state = .over
            delegate?.leg(self, answered: response)
        case (.end, .refusing):
            state = .over
            delegate?.legEndedResponse(self, isWhole: true, trailers: nil)
            context.close(promise: nil)
        default:
            break
        }
    }

    private func headArrived(_ response: HTTPResponse) {
        if response.status.code == 101 {
            gate.hold()
            state = .switching(response)
        } else {
            state = .refusing
            delegate?.leg(self, answered: response)
        }
    }

    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement? {
        guard response.status.code == 101 else { return nil }
        let (subprotocol, extensions) = try ClientHandshake.verify(
            status: 101, fields: response.headerFields, key: key, offeredSubprotocols: request.subprotocols)
        return UpstreamAgreement(
            subprotocol: subprotocol, extensions: extensions,
            accept: request.clientKey.flatMap { _ in response.headerFields[.secWebSocketAccept] })
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
        if let socket { socket.read() } else { context?.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { failed(error) }

    func failed(_ error: any Error) {
        switch (error, state) {
        case (HTTPParserError.invalidEOFState, _):
            // The end itself is told next.
            return
        case (is HTTPParserError, .waiting), (is NIOHTTPDecoderError, .waiting):
            timer?.cancel()
            delegate?.leg(self, answeredBadly: "the answer is not HTTP/1.1 (\(error)); \(whatCame)")
        default:
            lastError = error
            close()
        }
    }

    /// How the answer begins, for the log.
    private var whatCame: String { HTTP1Head.shown(gate.beginning) }

    func channelInactive(context: ChannelHandlerContext) {
        ended(lastError)
    }

    private struct ServerClosed: WordedError {
        var description: String { "server closed the connection" }
    }

    /// - Parameter error: nil for an orderly end.
    func ended(_ error: (any Error)?) {
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
        close()
    }

    func giveUp() {
        state = .over
        close()
    }

    func relay(with driver: SessionDriver) throws {
        if let socket = self.socket.take() { return relay(socket, with: driver) }
        guard let pipeline = context?.pipeline.syncOperations else { throw ChannelError.ioOnClosedChannel }
        guard let channel = context?.channel as? SocketChannel else { throw ChannelError.operationUnsupported }
        let rest = gate.leave()
        if let parser { pipeline.removeHandler(parser, promise: nil) }
        pipeline.removeHandler(self, promise: nil)
        guard let socket = channel.detach() else { throw ChannelError.ioOnClosedChannel }
        begin(socket, driver, rest)
    }
}

extension UpstreamHandshake: HTTP1PlainReader {
    func plainReadingFailed(_ error: any Error) { failed(error) }

    func readPlainHead(_ head: ByteBuffer) -> HTTP1Framing? {
        guard case .waiting = state, let answer = HTTP1Response(plain: head, to: .get),
            answer.response.status.code == 101
        else { return nil }
        timer?.cancel()
        headArrived(answer.response)
        return HTTP1Framing.none
    }

    func readPlainContent(_ bytes: ByteBuffer) {}

    func plainMessageEnded() {
        guard case .switching(let response) = state else { return }
        state = .over
        delegate?.leg(self, answered: response)
    }

    func prepareParser() throws {
        try joinChannel()
        guard parser == nil, let context else { return }
        let responses = HTTP1ResponseParser(forwardsInterim: false)
        responses.expectResponse(to: .GET)
        let parser = ByteToMessageHandler(responses)
        self.parser = parser
        try context.pipeline.syncOperations.addHandler(parser, position: .before(self))
    }
}
