import GatewayPolicy
import GatewaySession
import GatewayTLS
import HTTPTypes
import NIOCore
import SocketTransport
import WebSocketCore

// How answers go out over HTTP/1.1: their framing (RFC 9112 §6), whether the connection goes on behind them (§9.3), and
// the change to WebSocket.
extension HTTP1Front: ClientResponder {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    var endpoints: ConnectionEndpoints { namedEndpoints ?? ConnectionEndpoints(of: context?.channel) }

    var protection: TLSProtection? { listener.tls == nil ? nil : (context?.channel as? SocketChannel)?.protection }

    var usesReserve: Bool { (context?.channel as? SocketChannel)?.usesReserve ?? false }

    func answer(_ answer: GatewayAnswer) {
        guard let context else { return }
        // A client that has sent too little to be known is spoken to in HTTP/1.1.
        try? addCodec()
        writeHead(answer.status, answer.fields, isLast: isLast(closing: answer.closesConnection))
        if !answer.isForHead, !message.isHead, answer.body.readableBytes > 0 {
            context.write(wrapOutboundOut(answer.body), promise: nil)
        }
        context.flush()
        answered()
    }

    func inform(_ response: HTTPResponse) {
        // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
        guard let context, !message.isOld else { return }
        var head = HTTP1HeadWriter(status: response.status.code)
        head.add(response.headerFields)
        context.writeAndFlush(wrapOutboundOut(head.end()), promise: nil)
    }

    func beginAnswer(_ response: HTTPResponse) {
        // A server that never ends its refusal, or a client that never reads it, may not hold both connections.
        if isRelayingRefusal { restartTimer() }
        var fields = response.headerFields
        fields[.transferEncoding] = nil
        let code = response.status.code
        let hasContent = !message.isHead && code != 204 && code != 304
        if code == 204 { fields[.contentLength] = nil }
        let isFramed = !hasContent || fields.contains(.contentLength)
        message.isChunked = !isFramed && !message.isOld
        if message.isChunked { fields[.transferEncoding] = "chunked" }
        writeHead(
            code, fields,
            // A WebSocket's server has refused it: what the client had in mind was one for the whole connection.
            isLast: isLast(closing: isRelayingRefusal || message.isOld && !isFramed))
    }

    private func writeHead(_ status: Int, _ fields: HTTPFields, isLast: Bool) {
        guard let context else { return }
        var head = HTTP1HeadWriter(status: status)
        head.add(fields)
        // It is about the connection as well (RFC 9110 §7.8).
        let hasUpgrade = fields.contains(.upgrade)
        if isLast {
            head.add("Connection", hasUpgrade ? "upgrade, close" : "close")
        } else if message.isOld {
            head.add("Connection", hasUpgrade ? "upgrade, keep-alive" : "keep-alive")
        } else if hasUpgrade {
            head.add("Connection", "upgrade")
        }
        context.write(wrapOutboundOut(head.end()), promise: nil)
    }

    func continueAnswer(_ bytes: ByteBuffer) {
        guard !message.isHead, bytes.readableBytes > 0, let context else { return }
        if message.isChunked {
            context.write(wrapOutboundOut(HTTP1Chunks.line(size: bytes.readableBytes)), promise: nil)
        }
        context.write(wrapOutboundOut(bytes), promise: nil)
        if message.isChunked { context.write(wrapOutboundOut(HTTP1Chunks.end), promise: nil) }
    }

    func endAnswer(trailers: HTTPFields?) {
        if message.isChunked {
            context?.write(wrapOutboundOut(HTTP1Chunks.last(trailers: trailers)), promise: nil)
        }
        context?.flush()
        answered()
    }

    func abortAnswer() {
        context?.flush()
        context?.close(promise: nil)
    }

    func flushAnswer() { context?.flush() }

    func relay(with driver: SessionDriver, response: HTTPFields) throws {
        guard let context else { throw ChannelError.ioOnClosedChannel }
        stopTimer()
        var head = HTTP1HeadWriter(
            status: 101, reason: hixie.map { _ in "WebSocket Protocol Handshake" })
        head.add(response)
        context.writeAndFlush(wrapOutboundOut(head.end()), promise: nil)
        let draft = driver.info.draft
        if draft == nil, let channel = context.channel as? SocketChannel {
            let rest = gate.leave()
            leavePipeline(context)
            guard let socket = channel.detach() else { throw ChannelError.ioOnClosedChannel }
            _ = SocketLeg(.client, on: socket, driver: driver)
            if let rest { driver.read(rest, from: .client) }
            return
        }
        let pipeline = context.pipeline.syncOperations
        let relay = RelayHandler(
            leg: .client, driver: driver, hasLegacyCodes: draft == .version7 || draft == .version8)
        let rest = try makeWay(for: relay, pipeline)
        let receive = try translate(draft, before: relay, driver, pipeline)
        leavePipeline(context)
        if owesRead { driver.oweRead(.client) }
        if let rest { receive(rest) }
    }

    private func leavePipeline(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let parser {
            pipeline.removeHandler(parser.decoder, promise: nil)
            pipeline.removeHandler(parser.handler, promise: nil)
        }
        pipeline.removeHandler(self, promise: nil)
    }

    /// Puts the handler of the session's leg before all that reads requests.
    ///
    /// - Returns: what has come behind the head.
    private func makeWay(
        for relay: RelayHandler, _ pipeline: ChannelPipeline.SynchronousOperations
    ) throws -> ByteBuffer? {
        if gate.context != nil { return try gate.makeWay(for: relay) }
        try pipeline.addHandler(relay, position: .before(self))
        return gate.leave()
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
