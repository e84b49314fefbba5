import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS
import WebSocketCore

/// One HTTP/1.1 connection until it carries frames: reads the request, gives it to a `ClientExchange`, sends the answer.
/// Whatever goes wrong is answered with a status before the connection ends.
final class HTTP1Handshake: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    /// How long the client has to read an answer and close.
    static let lingerTime = TimeAmount.seconds(2)
    /// What a head may have beside what `limits.max_header_size` counts: method, version, white space around values.
    private static let unmeasured = 1024

    private let listener: CompiledListener
    private let limits: ProcessLimits
    private let loop: LoopContext
    private let gate: HTTP1HeadGate
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var isTLSReady: Bool
    private var owesRead = false
    private var hasCodec = false
    /// The rest of a challenge of hixie-76 is still to come.
    private var awaitsNonce = false
    /// What a client of hixie-76 gets behind the head of its answer, and what its session will be.
    private var hixie: (proof: [UInt8], settings: SessionSettings)?
    /// What a header of the PROXY protocol said; nil: the connection speaks for itself.
    var namedEndpoints: ConnectionEndpoints?
    /// Made with the first use, as it refers to this handler.
    private lazy var exchange = ClientExchange(
        listener: listener.configuration, version: .http1, loop: loop, responder: self,
        peer: { [weak self] in self?.peer ?? .unix })

    init(listener: CompiledListener, loop: LoopContext) {
        self.listener = listener
        self.loop = loop
        limits = loop.generation.configuration.limits
        isTLSReady = listener.tls == nil
        let maxHeaderSize = limits.maxHeaderSize
        gate = HTTP1HeadGate(maxLength: maxHeaderSize + Self.unmeasured)
        var decoding = NIOHTTPDecoderLimitConfiguration()
        // A byte that is no ASCII counts twice there.
        decoding.maxHeaderFieldSize = 2 * maxHeaderSize
        decoding.maxHeaderListSize = 2 * maxHeaderSize
        encoder = HTTPResponseEncoder()
        decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding))
    }

    /// The client, or the next hop on the way to it.
    var peer: ClientAddress { namedEndpoints?.source ?? ClientAddress(of: context?.channel) }

    /// Reads the bytes that come from now on; before it there is only what waits for the time to be up.
    func addCodec() throws {
        guard let context, !hasCodec else { return }
        hasCodec = true
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandler(gate, position: .before(self))
        try pipeline.addHandler(encoder, position: .before(self))
        try pipeline.addHandler(decoder, position: .before(self))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.counters.handshaking.add()
        startTimer(context)
    }

    private func startTimer(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timeout = TimeAmount(limits.handshakeTimeout)
        timer = context.eventLoop.scheduleTask(in: timeout) { this.value.timedOut() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
        loop.counters.handshaking.subtract()
        loop.checkEmpty()
    }

    // MARK: Reading the request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head) where exchange.isReading: decide(head)
        case .end: requestEnded()
        default: break
        }
    }

    /// A request of hixie-76 goes on for eight bytes behind its head, which are no content that the parser knows of.
    private func requestEnded() {
        if let (challenge, settings) = exchange.challenge {
            let nonce = gate.takeHeld(HixieChallenge.nonceLength)
            awaitsNonce = nonce == nil
            guard let nonce else { return }
            hixie = (challenge.answer(nonce: nonce.readableBytesView), settings)
        }
        exchange.requestEnded()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if awaitsNonce { requestEnded() }
        context.fireChannelReadComplete()
    }

    /// The listener speaks HTTP/2 only.
    func refuseVersion() {
        exchange.refuse(.badRequest("this address speaks HTTP/2 only, and neither ALPN nor the preface asked for it"))
    }

    private func decide(_ head: HTTPRequestHead) {
        do throws(Refusal) {
            // The parser's limits are a line's; this one is the whole head's.
            let size = head.headers.reduce(head.uri.utf8.count) {
                $0 + $1.name.utf8.count + $1.value.unicodeScalars.count + 4
            }
            guard size <= limits.maxHeaderSize else { throw Refusal.headerTooLarge }
            exchange.decide(try HTTP1Head.request(from: head, scheme: listener.tls == nil ? "http" : "https"))
            if exchange.isBusy { gate.hold() }
        } catch {
            exchange.refuse(error)
        }
    }

    /// Nothing is read from the client while a server is sought: what it sends early waits in the socket.
    func read(context: ChannelHandlerContext) {
        if exchange.isBusy, !awaitsNonce { owesRead = true } else { context.read() }
    }

    private func resumeRead() {
        guard owesRead else { return }
        owesRead = false
        context?.read()
    }

    // MARK: The channel

    private func timedOut() {
        guard isTLSReady || !exchange.isReading else {
            // There is no way to answer inside a TLS handshake that is not done.
            loop.process.telemetry.rejected(Refusal.handshakeTimeout.key)
            context?.close(promise: nil)
            return
        }
        if !exchange.timedOut() { context?.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { isTLSReady = true }
        guard case ChannelEvent.inputClosed = event else { return }
        // A client that ends its side before the 101 has left: it could neither speak nor answer a Close. Its place
        // and the server's are not to wait for the server's answer.
        if exchange.isRelaying { return }
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        exchange.writabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError {
            guard exchange.isReading else { return }
            exchange.refuse(error == .headerOverflow ? .headerTooLarge : .badRequest("request is malformed: \(error)"))
            return
        }
        if exchange.isAnswered { return }
        if !(error is NIOSSLError), !(error is IOError), !(error is BoringSSLError) {
            loop.process.logger.debug("connection failed in its handshake", metadata: ["reason": "\(error)"])
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchange.clientGone()
    }
}

extension HTTP1Handshake: ClientResponder {
    func answer(_ answer: GatewayAnswer) {
        guard let context else { return }
        // A client that has sent too little to be known is spoken to in HTTP/1.1.
        try? addCodec()
        let answer = HTTP1Answer(answer)
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: answer.headers)
        gate.narrowNextWrite()
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body = answer.body {
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger()
    }

    func beginAnswer(_ response: HTTPResponse) {
        guard let context else { return }
        // A server that never ends its response, or a client that never reads it, may not hold both connections.
        startTimer(context)
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status.code),
            headers: HTTP1Head.lastHeaders(from: response.headerFields))
        gate.narrowNextWrite()
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    func continueAnswer(_ bytes: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }

    func endAnswer(isWhole: Bool) {
        guard let context else { return }
        guard isWhole else {
            context.close(promise: nil)
            return
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger()
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    var endpoints: ConnectionEndpoints { namedEndpoints ?? ConnectionEndpoints(of: context?.channel) }

    /// Ends the writing half and waits for the client's end: closing with unread input would reset the connection,
    /// and could take the answer with it. What still comes is thrown away.
    private func linger() {
        timer?.cancel()
        guard let context else { return }
        gate.discard()
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.lingerTime) { this.value.context?.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        resumeRead()
    }

    func relay(with driver: SessionDriver, response: HTTPFields) throws {
        guard let context else { throw ChannelError.ioOnClosedChannel }
        timer?.cancel()
        let status =
            hixie == nil
            ? HTTPResponseStatus.switchingProtocols
            : .custom(code: 101, reasonPhrase: "WebSocket Protocol Handshake")
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: HTTP1Head.headers(from: response))
        gate.narrowNextWrite()
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        let draft = driver.info.draft
        let relay = RelayHandler(
            leg: .client, driver: driver, hasLegacyCodes: draft == .version7 || draft == .version8)
        let rest = try gate.makeWay(for: relay)
        let receive = try translate(draft, before: relay, driver, pipeline)
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder, promise: nil)
        pipeline.removeHandler(self, promise: nil)
        if owesRead { driver.oweRead(.client) }
        if let rest { receive(rest) }
    }

    /// Puts what the frames of a draft need before the handler of those of RFC 6455.
    ///
    /// - Returns: what takes bytes that have come already.
    private func translate(
        _ draft: LegacyDraft?, before relay: RelayHandler, _ driver: SessionDriver,
        _ pipeline: ChannelPipeline.SynchronousOperations
    ) throws -> (ByteBuffer) -> Void {
        switch draft {
        case nil:
            return { driver.read($0, from: .client) }
        case .version7, .version8:
            let codes = LegacyCloseHandler()
            try pipeline.addHandler(codes, position: .before(relay))
            return codes.receive
        case .hixie76:
            guard let hixie else { throw ChannelError.operationUnsupported }
            let translator = HixieTranslator(driver: driver, maskKeys: loop.maskKeys, settings: hixie.settings)
            try pipeline.addHandler(translator, position: .before(relay))
            translator.begin(with: hixie.proof)
            return translator.receive
        }
    }
}

extension ClientAddress {
    init(of channel: (any Channel)?) {
        self = (channel?.remoteAddress?.ipAddress).flatMap { ClientAddress(parsing: $0) } ?? .unix
    }
}
