import GatewayPolicy
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOTLS
import SocketTransport

/// One HTTP/1.1 connection to a server that carries plain requests, one after the other (RFC 9112 §9.3).
///
/// Responses that are written plainly come from the gate, others from NIO's parser.
final class HTTP1UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum State {
        case connecting
        /// A request is under way.
        case busy
        case idle
        case closed
    }

    private let pool: HTTP1Pool
    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private let gate = HTTP1Gate(maxLength: NIOHTTPDecoderLimitConfiguration().maxHeaderListSize)
    /// nil: no response has needed it.
    private var parser: HTTP1ResponseParser?
    private var lastError: (any Error)?
    /// The server has ended its side in order.
    private var sawEnd = false

    // MARK: The request under way

    private var request: HTTP1UpstreamRequest?
    private var hasSentAll = false
    private var response: ResponseProgress?
    private var mayRead = true
    private var owesRead = false

    private struct ResponseProgress {
        let framing: HTTP1Framing
        let keepsAlive: Bool
        /// The server ended it.
        var hasEnded = false
        var trailers: HTTPFields?
    }

    // MARK: Between requests

    /// When it is too old to be used again.
    var expiresAt = NIODeadline.distantFuture
    /// What the server's `Keep-Alive` says, less a second for the way.
    private(set) var serverIdleLimit: TimeAmount?

    /// Begins with this request.
    init(pool: HTTP1Pool, request: HTTP1UpstreamRequest) {
        self.pool = pool
        self.request = request
        request.begin(on: self, isReused: false)
    }

    private var isTLS: Bool { pool.transport.tls != nil }

    func addHandlers(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        gate.reader = self
        try pipeline.addHandler(gate)
        try pipeline.addHandler(self)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive, !isTLS { connected(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        gate.reader = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isTLS { connected(context) }
    }

    private func connected(_ context: ChannelHandlerContext) {
        guard case .connecting = state else { return }
        state = .busy
        sendHead(context)
    }

    // MARK: Asking

    /// Whether another request may be sent on it: the server has not ended it, as far as the kernel knows.
    var isUsable: Bool {
        guard case .idle = state, let context, context.channel.isActive, expiresAt > .now(), gate.isQuiet else {
            return false
        }
        // The peer's end may be here before the event loop has been told of it.
        return (context.channel as? SocketChannel)?.isEstablished ?? true
    }

    /// Sends another request.
    func carry(_ request: HTTP1UpstreamRequest) {
        guard let context else { return }
        self.request = request
        request.begin(on: self, isReused: true)
        state = .busy
        hasSentAll = false
        response = nil
        mayRead = true
        sendHead(context)
    }

    private func sendHead(_ context: ChannelHandlerContext) {
        guard let request else { return close() }
        let plain = request.request
        let head = HTTP1Head.bytes(of: plain, keepsAlive: pool.transport.sharesConnections)
        context.write(wrapOutboundOut(head), promise: nil)
        if case .none = plain.content { hasSentAll = true }
        context.flush()
        request.delegate?.legIsWritable(request)
    }

    var isWritable: Bool {
        guard case .busy = state, let context else { return false }
        return context.channel.isWritable
    }

    func send(_ bytes: ByteBuffer) {
        guard case .busy = state, !hasSentAll, bytes.readableBytes > 0, let context else { return }
        if isChunked {
            context.write(wrapOutboundOut(HTTP1Chunks.line(size: bytes.readableBytes)), promise: nil)
        }
        context.write(wrapOutboundOut(bytes), promise: nil)
        if isChunked { context.write(wrapOutboundOut(HTTP1Chunks.end), promise: nil) }
    }

    func endContent(trailers: HTTPFields?) {
        guard case .busy = state, !hasSentAll else { return }
        hasSentAll = true
        if isChunked {
            context?.write(wrapOutboundOut(HTTP1Chunks.last(trailers: trailers)), promise: nil)
        }
        context?.flush()
    }

    /// The request's content goes in chunks.
    private var isChunked: Bool { request?.request.content == .open }

    func flush() { context?.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, case .busy = state, !hasSentAll, let request else { return }
        request.delegate?.legIsWritable(request)
    }

    // MARK: The answer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .busy = state, let request else { return }
        switch unwrapInboundIn(data) {
        case .head(let head) where response == nil:
            judge(head, request)
        case .body(let bytes):
            request.delegate?.leg(request, content: bytes)
        case .end(let trailers):
            responseEnded(trailers: trailers.map(HTTP1Head.fields(from:)))
        default:
            break
        }
    }

    private func judge(_ head: HTTPResponseHead, _ request: HTTP1UpstreamRequest) {
        guard let answer = HTTP1Head.response(from: head) else {
            return answeredBadly("status is \(head.status.code), expected 100 to 599")
        }
        if answer.status.kind == .informational {
            guard answer.status.code != 101 else {
                return answeredBadly("status is 101, but the gateway did not ask for an upgrade")
            }
            request.hasAnswerBegun = true
            request.delegate?.leg(request, informed: answer)
            return
        }
        do throws(HTTP1Head.BadFraming) {
            let framing = try HTTP1Head.framing(of: head, to: request.request.method)
            answered(
                HTTP1Response(
                    response: answer, framing: framing, keepsAlive: head.isKeepAlive && framing != .untilEnd,
                    idleLimit: HTTP1Head.idleLimit(in: answer.headerFields)),
                request)
        } catch {
            answeredBadly(error.text)
        }
    }

    private func answered(_ answer: HTTP1Response, _ request: HTTP1UpstreamRequest) {
        gate.expect(answer.framing)
        response = ResponseProgress(framing: answer.framing, keepsAlive: answer.keepsAlive)
        serverIdleLimit = answer.idleLimit
        request.delegate?.leg(request, answered: answer.response)
    }

    private func responseEnded(trailers: HTTPFields?) {
        gate.messageEnded()
        response?.hasEnded = true
        response?.trailers = trailers
    }

    private func answeredBadly(_ reason: String) {
        guard let request else { return }
        let delegate = end(request)
        delegate?.leg(request, answeredBadly: reason)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let request else {
            // Nobody asked for what came.
            if case .idle = state, !gate.isQuiet { close() }
            return
        }
        if response?.hasEnded == true {
            finishResponse(request)
        } else {
            request.delegate?.legReadComplete(request)
        }
    }

    /// The response is whole: the connection is another request's, or ends.
    private func finishResponse(_ request: HTTP1UpstreamRequest) {
        guard let progress = response else { return }
        let delegate = request.detach()
        self.request = nil
        response = nil
        if progress.keepsAlive, hasSentAll, lastError == nil, gate.heldBytes == 0 {
            gate.next()
            state = .idle
            resumeRead()
            pool.put(self)
        } else {
            close()
        }
        // What ends with the connection is whole only if the server ended that in order, over TLS too.
        let isWhole = progress.framing != .untilEnd || sawEnd && lastError == nil
        delegate?.legEndedResponse(request, isWhole: isWhole, trailers: progress.trailers)
    }

    /// Ends the connection, and with it the request.
    private func end(_ request: HTTP1UpstreamRequest) -> (any UpstreamLegDelegate)? {
        let delegate = request.detach()
        self.request = nil
        close()
        return delegate
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { owesRead = true }
    }

    func setMayRead(_ mayRead: Bool) {
        self.mayRead = mayRead
        if mayRead { resumeRead() }
    }

    private func resumeRead() {
        mayRead = true
        guard owesRead else { return }
        owesRead = false
        context?.read()
    }

    // MARK: Ends

    /// Nobody waits for the answer any more.
    func giveUp() {
        request = nil
        close()
    }

    func close() {
        let wasIdle = if case .idle = state { true } else { false }
        state = .closed
        if wasIdle { pool.forget(self) }
        context?.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isTLS, case TLSUserEvent.handshakeCompleted = event { connected(context) }
        if case ChannelEvent.inputClosed = event {
            sawEnd = true
            ended(nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.invalidEOFState:
            // The end itself is told next.
            return
        case is HTTPParserError, is NIOHTTPDecoderError, is HTTP1Gate.BadContent:
            guard request != nil else { return close() }
            if response == nil {
                answeredBadly("the answer is not HTTP/1.1 (\(error)); \(whatCame)")
            } else {
                brokeOffInside()
            }
        default:
            lastError = error
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(lastError)
    }

    private struct ServerClosed: WordedError {
        var description: String { "server closed the connection" }
    }

    /// - Parameter error: nil for an orderly end.
    private func ended(_ error: (any Error)?) {
        guard let request else { return close() }
        switch state {
        case .connecting:
            end(request)?.leg(request, failedWith: error ?? ServerClosed())
        case .busy where response == nil:
            let how =
                error.map { "the connection broke (\(ConnectFailure.text(for: $0)))" }
                ?? "the server ended the connection"
            let place = gate.beginning.isEmpty ? "before its answer" : "inside its answer; \(whatCame)"
            if !gate.isQuiet { request.hasAnswerBegun = true }
            end(request)?.legBrokeOff(request, reason: "\(how) \(place)")
        case .busy where response?.hasEnded == true:
            finishResponse(request)
        case .busy:
            brokeOffInside()
        case .idle, .closed:
            break
        }
    }

    private func brokeOffInside() {
        guard let request else { return }
        end(request)?.legEndedResponse(request, isWhole: false, trailers: nil)
    }

    /// How the answer begins, for the log.
    private var whatCame: String { HTTP1Head.shown(gate.beginning) }
}

extension HTTP1UpstreamConnection: HTTP1PlainReader {
    /// Never told: the gate is in the pipeline of the connection.
    func plainReadingFailed(_ error: any Error) { close() }

    func readPlainHead(_ head: ByteBuffer) -> HTTP1Framing? {
        guard case .busy = state, let request, response == nil,
            let answer = HTTP1Response(plain: head, to: request.request.method),
            answer.response.status.code != 101
        else { return nil }
        answered(answer, request)
        return answer.framing
    }

    func readPlainContent(_ bytes: ByteBuffer) {
        guard case .busy = state, let request else { return }
        request.delegate?.leg(request, content: bytes)
    }

    func plainMessageEnded() {
        guard case .busy = state, request != nil else { return }
        responseEnded(trailers: nil)
    }

    func prepareParser() throws {
        guard let context else { return }
        let parser = parser ?? HTTP1ResponseParser(forwardsInterim: true)
        if self.parser == nil {
            self.parser = parser
            try context.pipeline.syncOperations.addHandler(
                ByteToMessageHandler(parser), position: .before(self))
        }
        guard let method = request?.request.method else { return }
        parser.expectResponse(to: HTTPMethod(rawValue: method.rawValue))
    }
}
