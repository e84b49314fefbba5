import GatewayPolicy
import GatewaySession
import GatewayTLS
import HTTPTypes
import NIOCore
import NIOHTTP1
import SocketTransport
import WebSocketCore

// How answers go out over HTTP/1.1: their framing (RFC 9112 §6), whether the connection goes on behind them (§9.3), and
// the change to WebSocket.
extension HTTP1Front: ClientResponder {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    var endpoints: ConnectionEndpoints { namedEndpoints ?? ConnectionEndpoints(of: context?.channel) }

    var protection: TLSProtection? { listener.tls == nil ? nil : (context?.channel as? SocketChannel)?.protection }

    func answer(_ answer: GatewayAnswer) {
        guard let context else { return }
        // A client that has sent too little to be known is spoken to in HTTP/1.1.
        try? addCodec()
        writeHead(answer.status, answer.fields, isLast: isLast(closing: answer.closesConnection))
        if !answer.isForHead, !message.isHead {
            context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        answered()
    }

    func inform(_ response: HTTPResponse) {
        // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
        guard let context, !message.isOld else { return }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status.code),
            headers: HTTP1Head.headers(from: response.headerFields))
        gate.narrowNextWrite()
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
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
        if !isFramed, !message.isOld { fields[.transferEncoding] = "chunked" }
        writeHead(
            code, fields,
            // A WebSocket's server has refused it: what the client had in mind was one for the whole connection.
            isLast: isLast(closing: isRelayingRefusal || message.isOld && !isFramed))
    }

    private func writeHead(_ status: Int, _ fields: HTTPFields, isLast: Bool) {
        guard let context else { return }
        var headers = HTTP1Head.headers(from: fields)
        var options: [String] = []
        // It is about the connection as well (RFC 9110 §7.8).
        if fields.contains(.upgrade) { options.append("upgrade") }
        if isLast { options.append("close") } else if message.isOld { options.append("keep-alive") }
        if !options.isEmpty { headers.add(name: "Connection", value: options.joined(separator: ", ")) }
        gate.narrowNextWrite()
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    func continueAnswer(_ bytes: ByteBuffer) {
        guard !message.isHead else { return }
        context?.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }

    func endAnswer(trailers: HTTPFields?) {
        context?.writeAndFlush(wrapOutboundOut(.end(trailers.map(HTTP1Head.headers(from:)))), promise: nil)
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
        let status =
            hixie == nil
            ? HTTPResponseStatus.switchingProtocols
            : .custom(code: 101, reasonPhrase: "WebSocket Protocol Handshake")
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: HTTP1Head.headers(from: response))
        gate.narrowNextWrite()
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
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
        let rest = try gate.makeWay(for: relay)
        let receive = try translate(draft, before: relay, driver, pipeline)
        leavePipeline(context)
        if owesRead { driver.oweRead(.client) }
        if let rest { receive(rest) }
    }

    private func leavePipeline(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(encoder, promise: nil)
        pipeline.removeHandler(decoder, promise: nil)
        pipeline.removeHandler(self, promise: nil)
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
