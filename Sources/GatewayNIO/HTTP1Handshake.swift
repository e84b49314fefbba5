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

/// One HTTP/1.1 connection until it carries frames: reads the request, has it decided, finds a server, answers.
/// Whatever goes wrong is answered with a status before the connection ends.
final class HTTP1Handshake: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// No request yet, or the beginning of one.
        case reading
        /// A WebSocket may be opened once the request has ended.
        case admitted(ProxyDecision)
        case connecting(ProxyDecision, UpstreamAttempt)
        /// The server's own refusal is on its way to the client.
        case relayingRefusal(ProxyDecision, UpstreamAttempt, UpstreamHandshake)
        /// Answered; the client's end is waited for, so that it can read the answer.
        case lingering
        /// The session has taken over.
        case relaying
        case closed
    }

    /// How long the client has to read an answer and close.
    private static let lingerTime = TimeAmount.seconds(2)

    private let listener: ListenerConfiguration
    private let loop: LoopContext
    private let startedAt = NIODeadline.now()
    private let requestID = RequestID.make()
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var state = State.reading
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var isTLSReady: Bool
    private var owesRead = false

    init(listener: ListenerConfiguration, loop: LoopContext) {
        self.listener = listener
        self.loop = loop
        isTLSReady = listener.tls == nil
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = loop.runtime.configuration.limits.maxHeaderSize
        limits.maxHeaderListSize = loop.runtime.configuration.limits.maxHeaderSize
        encoder = HTTPResponseEncoder()
        decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
    }

    func addToPipeline(_ pipeline: ChannelPipeline.SynchronousOperations) throws {
        try pipeline.addHandler(encoder)
        try pipeline.addHandler(decoder)
        try pipeline.addHandler(self)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.counters.handshaking.add()
        startTimer(context)
    }

    private func startTimer(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timeout = TimeAmount(loop.runtime.configuration.limits.handshakeTimeout)
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
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .reading): decide(head)
        case (.end, .admitted(let decision)): connect(decision)
        default: break
        }
    }

    private func decide(_ head: HTTPRequestHead) {
        do {
            // The parser's limits are a line's; this one is the whole head's.
            let size = head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
            guard size <= loop.runtime.configuration.limits.maxHeaderSize else { throw Refusal.headerTooLarge }
            let request = GatewayRequest(
                request: try HTTP1Head.request(from: head, scheme: listener.tls == nil ? "http" : "https"),
                id: requestID, peer: peer, isTLS: listener.tls != nil, listener: listener)
            switch RequestDecision.make(request, loop.runtime, now: .now()) {
            case .refuse(let refusal, let route): refuse(refusal, route: route)
            case .redirect(let status, let location):
                answer(HTTP1Answer(redirectTo: location, status: status, requestID: requestID))
            case .respond(let response, let edits):
                answer(
                    HTTP1Answer(response, edits: edits, requestID: requestID), isHead: head.method == .HEAD)
            case .proxy(let decision): state = .admitted(decision)
            }
        } catch {
            refuse(error as? Refusal ?? .badRequest("request can't be read"))
        }
    }

    private var peer: ClientAddress {
        (context?.channel.remoteAddress?.ipAddress).flatMap { ClientAddress(parsing: $0) } ?? .unix
    }

    private func connect(_ decision: ProxyDecision) {
        guard let key = decision.upgrade.key else { return refuse(.badRequest("Sec-WebSocket-Key is missing")) }
        let attempt = UpstreamAttempt(
            upstream: decision.upstream, request: decision.upstreamRequest(key: key), loop: loop,
            logger: logger, delegate: self)
        state = .connecting(decision, attempt)
        attempt.start()
    }

    private var logger: Logger {
        var logger = loop.runtime.logger
        logger[metadataKey: "request_id"] = "\(requestID)"
        return logger
    }

    /// Nothing is read from the client while a server is sought: what it sends early waits in the socket.
    func read(context: ChannelHandlerContext) {
        switch state {
        case .connecting, .relayingRefusal, .admitted: owesRead = true
        case .reading, .lingering, .relaying, .closed: context.read()
        }
    }

    // MARK: Answering

    private func refuse(_ refusal: Refusal, route: Int? = nil) {
        loop.runtime.telemetry.rejected(refusal.key)
        var metadata: Logger.Metadata = [
            "status": "\(refusal.status)", "refusal": "\(refusal.key)", "client": "\(peer)",
            "listener": "\(listener.name)",
        ]
        if let route { metadata["route"] = "\(loop.runtime.routes.routes[route].name)" }
        if case .badAnswer(let reason) = refusal { metadata["reason"] = "\(reason)" }
        if case .badRequest(let reason) = refusal { metadata["reason"] = "\(reason)" }
        logger.info("request refused", metadata: metadata)
        answer(HTTP1Answer(refusal, requestID: requestID))
    }

    private func answer(_ answer: HTTP1Answer, isHead: Bool = false) {
        guard let context else { return }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: answer.headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger()
    }

    /// Ends the writing half and waits for the client's end: closing with unread input would reset the connection,
    /// and could take the answer with it. What still comes is thrown away before the parser, which would keep all that
    /// follows an upgrade.
    private func linger() {
        giveUpDecision()
        state = .lingering
        timer?.cancel()
        guard let context else { return }
        try? context.pipeline.syncOperations.addHandler(InputDiscard(), position: .before(decoder))
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.lingerTime) { this.value.context?.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        resumeRead()
    }

    private func resumeRead() {
        guard owesRead else { return }
        owesRead = false
        context?.read()
    }

    /// Returns what an admission had taken.
    private func giveUpDecision() {
        switch state {
        case .admitted(let decision):
            decision.permit.release()
        case .connecting(let decision, let attempt), .relayingRefusal(let decision, let attempt, _):
            decision.permit.release()
            attempt.cancel()
        case .reading, .lingering, .relaying, .closed:
            break
        }
    }

    private func timedOut() {
        switch state {
        case .reading, .admitted:
            guard isTLSReady else {
                // There is no way to answer inside a TLS handshake that is not done.
                loop.runtime.telemetry.rejected(Refusal.handshakeTimeout.key)
                context?.close(promise: nil)
                return
            }
            refuse(.handshakeTimeout)
        case .connecting(let decision, _):
            refuse(.responseTimeout, route: decision.routeIndex)
        case .relayingRefusal:
            context?.close(promise: nil)
        case .lingering, .relaying, .closed:
            break
        }
    }

    // MARK: The channel

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { isTLSReady = true }
        guard case ChannelEvent.inputClosed = event else { return }
        // A client that ends its side before the 101 has left: it could neither speak nor answer a Close. Its place
        // and the server's are not to wait for the server's answer.
        if case .relaying = state { return }
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .relayingRefusal(_, _, let handshake) = state { handshake.setMayRead(context.channel.isWritable) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError {
            guard case .reading = state else { return }
            refuse(error == .headerOverflow ? .headerTooLarge : .badRequest("request is malformed: \(error)"))
            return
        }
        if case .lingering = state { return }
        if !(error is NIOSSLError), !(error is IOError), !(error is BoringSSLError) {
            logger.debug("connection failed in its handshake", metadata: ["reason": "\(error)"])
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        giveUpDecision()
        state = .closed
    }
}

extension HTTP1Handshake: UpstreamAttemptDelegate {
    func failed(_ refusal: Refusal) {
        guard case .connecting(let decision, _) = state else { return }
        refuse(refusal, route: decision.routeIndex)
    }

    func refused(_ head: HTTPResponseHead, by handshake: UpstreamHandshake, address: Address) {
        guard case .connecting(let decision, let attempt) = state, let context else { return handshake.giveUp() }
        state = .relayingRefusal(decision, attempt, handshake)
        // A server that never ends its response, or a client that never reads it, may not hold both connections.
        startTimer(context)
        loop.runtime.telemetry.rejected("upstream_refused")
        logger.info(
            "server refused",
            metadata: [
                "status": "\(head.status.code)", "route": "\(decision.route.name)", "server": "\(address)",
                "client": "\(decision.forwarded.clientAddress)",
            ])
        var fields = HeaderFilter.response(
            HTTP1Head.fields(from: head.headers), edits: decision.route.responseHeaders, isHandshake: false)
        if let location = fields[.location] {
            fields[.location] = PathRewriter.restore(
                location: location, by: decision.route.rewrite, host: decision.upgrade.request.authority ?? "")
        }
        if fields[.xRequestID] == nil { fields[.xRequestID] = requestID }
        var headers = HTTP1Head.headers(from: fields)
        headers.add(name: "Connection", value: "close")
        let answer = HTTPResponseHead(version: .http1_1, status: head.status, headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(answer)), promise: nil)
    }

    func refusalBody(_ bytes: ByteBuffer) {
        guard case .relayingRefusal(_, _, let handshake) = state, let context else { return }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
        handshake.setMayRead(context.channel.isWritable)
    }

    func refusalEnded(isWhole: Bool) {
        guard case .relayingRefusal = state, let context else { return }
        guard isWhole else {
            context.close(promise: nil)
            return
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger()
    }

    func upgraded(_ server: UpgradedServer) {
        guard case .connecting(let decision, _) = state, let context else {
            server.permit.release()
            return server.handshake.giveUp()
        }
        do {
            let extensions = try decision.negotiation.conclude(serverAnswer: server.extensions)
            timer?.cancel()
            relay(context, decision, server, extensions)
        } catch {
            server.permit.release()
            server.handshake.giveUp()
            refuse(.badAnswer("\(error)"), route: decision.routeIndex)
        }
    }

    /// Answers 101 and gives both channels to a session.
    private func relay(
        _ context: ChannelHandlerContext, _ decision: ProxyDecision, _ server: UpgradedServer,
        _ extensions: SessionExtensions
    ) {
        // Before the 101: whoever has read that finds this session's share of zlib's memory taken.
        let info = SessionInfo(
            decision, server, extensions, listener: listener.name, startedAt: startedAt, loop: loop)
        let driver = loop.add { id in
            SessionDriver(
                id: id, info: info,
                session: GatewaySession(
                    settings: decision.route.session, extensions: extensions, zlib: loop.zlib,
                    maskKeys: loop.maskKeys, now: .now()), loop: loop)
        }
        var fields = ServerHandshake.responseFields(
            key: decision.upgrade.key ?? "", subprotocol: server.subprotocol, extensions: extensions.clientAnswer)
        fields.append(
            contentsOf: HeaderFilter.response(
                server.fields, edits: decision.route.responseHeaders, isHandshake: true))
        let head = HTTPResponseHead(
            version: .http1_1, status: .switchingProtocols, headers: HTTP1Head.headers(from: fields))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)

        state = .relaying
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(RelayHandler(leg: .client, driver: driver))
            let serverIsReady = try server.handshake.relay(with: driver)
            pipeline.removeHandler(encoder, promise: nil)
            pipeline.removeHandler(self, promise: nil)
            let clientIsReady = pipeline.removeHandler(decoder)
            let driver = NIOLoopBound(driver, eventLoop: context.eventLoop)
            serverIsReady.and(clientIsReady).whenComplete { _ in driver.value.start() }
            if owesRead { driver.value.oweRead(.client) }
        } catch {
            // One of the channels closed this very moment.
            server.handshake.giveUp()
            context.close(promise: nil)
            for leg in Leg.allCases { driver.closed(leg, inOrder: false) }
            driver.start()
        }
    }
}
