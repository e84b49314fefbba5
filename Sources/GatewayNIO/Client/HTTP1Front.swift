import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTLS
import GatewayTelemetry
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NIOTLS
import SocketTransport
import WebSocketCore

/// One client's HTTP/1.1 connection: reads its requests, one after the other, gives each to a `ClientExchange`, sends the
/// answers (`HTTP1Front+Answers`), until one of them opens a WebSocket. Whatever goes wrong is answered with a status
/// before the connection ends.
///
/// Its requests come from the gate (`HTTP1Front+Requests`), or from NIO's parser where a request is not written plainly:
/// then the gate, the parser and an `HTTP1RequestHandler` stand before this one.
final class HTTP1Front: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// How long the client has to read an answer and close.
    static let lingerTime = TimeAmount.seconds(2)
    /// How long the client has to take the end of its last answer from here: at most what the channel keeps.
    private static let sendingTime = TimeAmount.seconds(60)
    /// What a head may have beside what `limits.max_header_size` counts: method, version, white space around values.
    private static let unmeasured = 1024

    /// The request under way, as far as HTTP/1.1 is concerned.
    struct Message {
        /// The client speaks HTTP/1.0.
        var isOld = false
        var isHead = false
        /// The connection may carry another request behind it, as far as the client is concerned.
        var keepsAlive = false
        /// Its head came, and its content has not come to its end.
        var isOpen = false
        /// The content of the answer goes in chunks.
        var isChunked = false
        /// The answer is whole.
        var isAnswered = false
    }

    let listener: CompiledListener
    let limits: ProcessLimits
    let loop: LoopContext
    let gate: HTTP1Gate
    /// nil: no request has needed it.
    var parser: (decoder: ByteToMessageHandler<HTTPRequestDecoder>, handler: HTTP1RequestHandler)?
    private(set) var context: ChannelHandlerContext?
    private(set) var timer: PostponedTimer?
    private var isTLSReady: Bool
    var owesRead = false
    var mayRead = true
    /// The rest of a challenge of hixie-76 is still to come.
    var awaitsNonce = false
    /// What a client of hixie-76 gets behind the head of its answer, and what its session will be.
    var hixie: (proof: [UInt8], settings: SessionSettings)?
    /// What a header of the PROXY protocol said; nil: the connection speaks for itself.
    var namedEndpoints: ConnectionEndpoints? { didSet { knownPeer = nil } }
    private var knownPeer: ClientAddress?
    var message = Message()
    /// The next answer is the last: the listener is another, or the process on its way out.
    private var isLeaving = false
    /// No more requests are read.
    private(set) var isEnding = false
    /// The last answer is whole, and has not gone yet.
    private var isSending = false
    /// Whether a drain waits for this connection, as something was begun that may become a session.
    private var isHandshaking = false
    private(set) lazy var exchange = makeExchange(isFirst: true)

    init(listener: CompiledListener, loop: LoopContext) {
        self.listener = listener
        self.loop = loop
        limits = loop.generation.configuration.limits
        isTLSReady = listener.tls == nil
        gate = HTTP1Gate(maxLength: limits.maxHeaderSize + Self.unmeasured)
    }

    /// Refers to this connection: made with the first use, and anew for each request.
    private func makeExchange(isFirst: Bool) -> ClientExchange {
        ClientExchange(
            listener: listener, version: .http1, isFirst: isFirst, loop: loop, responder: self,
            peer: { [weak self] in self?.peer ?? .unix })
    }

    /// The client, or the next hop on the way to it.
    var peer: ClientAddress {
        if let knownPeer { return knownPeer }
        let peer = namedEndpoints?.source ?? ClientAddress(of: context?.channel)
        // Without a channel it is not known yet.
        if context != nil { knownPeer = peer }
        return peer
    }

    /// Reads the bytes that come from now on; before it there is only what waits for the time to be up.
    func addCodec() throws {
        guard context != nil else { throw ChannelError.ioOnClosedChannel }
        gate.reader = self
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // It can't be asked of a connection whose handshake has failed.
        if listener.tls != nil { _ = peer }
        countHandshake(true)
        let timer = PostponedTimer(eventLoop: context.eventLoop) { [unowned self] in timedOut() }
        timer.set(TimeAmount(limits.handshakeTimeout))
        self.timer = timer
        gate.headHasBegun = { [unowned self] in nextHeadHasBegun() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        gate.reader = nil
        timer?.cancel()
        timer = nil
        loop.remove(self)
        countHandshake(false)
    }

    func countHandshake(_ isHandshaking: Bool) {
        guard isHandshaking != self.isHandshaking else { return }
        self.isHandshaking = isHandshaking
        if isHandshaking {
            loop.counters.handshaking.add()
        } else {
            loop.counters.handshaking.subtract()
            loop.checkEmpty()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        gate.receive(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if awaitsNonce { requestEnded(nil) }
        exchange.contentReadComplete()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if wantsRead { context.read() } else { owesRead = true }
    }

    // MARK: One request after the other

    /// Whether the answer that begins now is the last on this connection.
    func isLast(closing: Bool) -> Bool {
        let isLast =
            closing || !message.keepsAlive || message.isOpen && !exchange.isForwarding || isLeaving
            || limits.keepAliveTimeout == .zero || usesReserve || !loop.keep(self)
        if isLast { message.keepsAlive = false }
        return isLast
    }

    /// The answer is whole, and written.
    func answered() {
        message.isAnswered = true
        goOnIfDone()
    }

    /// Reads the next request when this one is whole and answered; ends the connection where there is none.
    func goOnIfDone() {
        guard message.isAnswered, !isEnding, let context else { return }
        // A client that is answered before it is through need not go on (RFC 9112 §9.6).
        guard !message.isOpen, message.keepsAlive, !isLeaving else { return endWhenSent(context) }
        timer?.set(TimeAmount(limits.keepAliveTimeout))
        countHandshake(false)
        // A client that does not read its answers gets no more of them.
        guard context.channel.isWritable else { return }
        message = Message()
        exchange = makeExchange(isFirst: false)
        mayRead = true
        gate.next()
        resumeRead()
    }

    /// Behind the first request, whose time has run since the connection came, each head has as long again.
    private func nextHeadHasBegun() {
        guard isKept, exchange.isReading else { return }
        countHandshake(true)
        timer?.set(TimeAmount(limits.handshakeTimeout))
    }

    /// Whether the connection has carried a request that it was kept behind.
    var isKept: Bool { loop.keptFronts[ObjectIdentifier(self)] != nil }

    var isRelayingRefusal: Bool { exchange.isRelayingRefusal }

    /// The listener is another, or gone: clients have to come again for what it offers now.
    func followListener() {
        let now = loop.generation.listener(listener.configuration.name)?.configuration
        let was = listener.configuration
        if now.map({ $0.tls == was.tls && $0.protocols == was.protocols }) != true { drain() }
    }

    /// No more requests: the one under way is the last.
    func drain() {
        isLeaving = true
        if exchange.isReading, gate.isQuiet { context?.close(promise: nil) }
    }

    // MARK: The channel

    private func timedOut() {
        if isEnding {
            context?.close(promise: nil)
            return
        }
        guard isTLSReady || !exchange.isReading else {
            // There is no way to answer inside a TLS handshake that is not done.
            loop.process.telemetry.rejected(Refusal.handshakeTimeout.key, listener: listener.configuration.name)
            context?.close(promise: nil)
            return
        }
        if message.isAnswered {
            // The client has not read its answer.
            context?.close(promise: nil)
            return
        }
        if isKept, exchange.isReading, gate.isQuiet {
            // The connection has been idle for as long as it may be.
            context?.close(promise: nil)
            return
        }
        if !exchange.timedOut() { context?.close(promise: nil) }
    }

    /// A refusal of the server's has as long again.
    func restartTimer() { timer?.set(TimeAmount(limits.handshakeTimeout)) }

    func stopTimer() { timer?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { isTLSReady = true }
        if let plain = event as? PlainHTTPEvent { plain.answer = exchange.refusePlainHTTP().bytesOfHTTP1 }
        guard case ChannelEvent.inputClosed = event else { return }
        // A client that ends its side before the answer has left: it could neither speak in a WebSocket nor answer its
        // Close. Its place and the server's are not to wait for the server's answer.
        if exchange.isRelaying { return }
        // An answer that is whole is its to read.
        if isSending { return }
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        exchange.writabilityChanged()
        if context.channel.isWritable { goOnIfDone() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { failed(error) }

    func failed(_ error: any Error) {
        switch error {
        case let error as HTTPParserError where exchange.isReading:
            message.keepsAlive = false
            exchange.refuse(error == .headerOverflow ? .headerTooLarge : .badRequest("request is malformed: \(error)"))
        case let error as HTTP1Gate.BadContent:
            badContent(error.description)
        case let error as HTTPParserError:
            badContent("content is malformed: \(error)")
        default:
            if isEnding { return }
            if let failure = error as? TLSFailure, !isTLSReady {
                loop.process.tlsFailures.note(failure, listener: listener.configuration.name, client: peer)
            }
            if !(error is TLSFailure), !(error is UncleanTLSEnd), !(error is IOError) {
                loop.process.logger.debug("connection failed during its handshake", metadata: ["reason": "\(error)"])
            }
            context?.close(promise: nil)
        }
    }

    /// Where the next request begins can't be known any more.
    private func badContent(_ reason: String) {
        guard !isEnding else { return }
        message.keepsAlive = false
        if exchange.isForwarding {
            exchange.contentFailed(.badRequest(reason))
        } else if message.isAnswered, let context {
            endWhenSent(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchange.clientGone()
    }

    /// Ends the connection once the answer has gone.
    private func endWhenSent(_ context: ChannelHandlerContext) {
        isEnding = true
        isSending = true
        gate.discard()
        countHandshake(true)
        timer?.set(Self.sendingTime)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let sent = context.eventLoop.makePromise(of: Void.self)
        // Nothing, behind all that was written.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        sent.futureResult.whenComplete { _ in this.value.linger() }
        resumeRead()
    }

    /// Ends the writing half and waits for the client's end: closing with unread input would reset the connection, and
    /// could take the answer with it. What still comes is thrown away.
    private func linger() {
        isSending = false
        timer?.set(Self.lingerTime)
        context?.close(mode: .output, promise: nil)
    }
}
