import GatewayConfig
import GatewayPolicy
import GatewaySession
import HTTPTypes
import NIOCore
import NIOHTTP1
import WebSocketCore

// How requests come in over HTTP/1.1: plainly written ones from the gate, others from NIO's parser; and when the
// connection is read.
extension HTTP1Front: HTTP1PlainReader {
    func readPlainHead(_ head: ByteBuffer) -> HTTP1Framing? {
        guard exchange.isReading else { return HTTP1Framing.none }
        guard let request = HTTP1Request(plain: head, scheme: scheme), !request.content.isSome,
            request.size <= limits.maxHeaderSize
        else { return nil }
        begin(Message(isHead: request.request.method == .head, keepsAlive: request.keepsAlive))
        decide(request)
        return HTTP1Framing.none
    }

    /// None comes: a request with content is for the parser, which tells of one that breaks off.
    func readPlainContent(_ bytes: ByteBuffer) {}

    func plainMessageEnded() { requestEnded(nil) }

    func prepareParser() throws {
        guard parser == nil, let context else { return }
        var limits = NIOHTTPDecoderLimitConfiguration()
        // A byte that is no ASCII counts twice there.
        limits.maxHeaderFieldSize = 2 * self.limits.maxHeaderSize
        limits.maxHeaderListSize = 2 * self.limits.maxHeaderSize
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits))
        let handler = HTTP1RequestHandler(self)
        parser = (decoder, handler)
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandler(gate, position: .before(self))
        try pipeline.addHandler(decoder, position: .before(self))
        try pipeline.addHandler(handler, position: .before(self))
    }

    func plainReadingFailed(_ error: any Error) { failed(error) }

    func parserRead(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head) where exchange.isReading: judge(head)
        case .body(let bytes): exchange.contentArrived(bytes)
        case .end(let trailers): requestEnded(trailers.map(HTTP1Head.fields(from:)))
        default: break
        }
    }

    private var scheme: String { listener.tls == nil ? "http" : "https" }

    private func judge(_ head: HTTPRequestHead) {
        begin(
            Message(
                isOld: head.version == .http1_0, isHead: head.method == .HEAD, keepsAlive: head.isKeepAlive,
                isOpen: true))
        do throws(Refusal) {
            let request = try HTTP1Request(parsed: head, scheme: scheme, maxSize: limits.maxHeaderSize)
            message.keepsAlive = request.keepsAlive
            decide(request)
        } catch {
            message.keepsAlive = false
            exchange.refuse(error)
            setTime()
        }
    }

    private func begin(_ message: Message) {
        self.message = message
        countHandshake(true)
    }

    private func decide(_ request: HTTP1Request) {
        gate.expect(request.content.framing)
        message.isOpen = request.content.isSome
        exchange.decide(request.request, content: request.content)
        if exchange.isBusy { gate.hold() }
        setTime()
    }

    private func setTime() {
        if exchange.isForwarding {
            timer?.clear()
            countHandshake(false)
        } else if exchange.isBusy, isKept {
            timer?.set(TimeAmount(limits.handshakeTimeout))
        }
    }

    /// A request of hixie-76 goes on for eight bytes behind its head, which are no content that the parser knows of.
    func requestEnded(_ trailers: HTTPFields?) {
        gate.messageEnded()
        message.isOpen = false
        if let (challenge, settings) = exchange.challenge {
            let nonce = gate.takeHeld(HixieChallenge.nonceLength)
            awaitsNonce = nonce == nil
            guard let nonce else { return }
            hixie = (challenge.answer(nonce: nonce.readableBytesView), settings)
        }
        exchange.contentEnded(trailers: trailers)
        exchange.requestEnded()
        goOnIfDone()
    }

    /// The listener speaks HTTP/2 only.
    func refuseVersion() {
        exchange.refuse(
            .badRequest(
                "this listener speaks only HTTP/2, and the client asked for it neither by ALPN nor by the preface"))
    }

    // MARK: When to read

    var wantsRead: Bool {
        if isEnding { return true }
        // What a client sends early waits in the socket: while a WebSocket's server is sought, and while a response is on
        // its way.
        if exchange.isBusy { return awaitsNonce }
        if exchange.isForwarding { return message.isOpen ? mayRead : gate.heldBytes == 0 }
        return true
    }

    func setMayRead(_ mayRead: Bool) {
        self.mayRead = mayRead
        resumeRead()
    }

    func resumeRead() {
        guard owesRead, wantsRead else { return }
        owesRead = false
        context?.read()
    }
}

extension RequestContent {
    fileprivate var framing: HTTP1Framing {
        switch self {
        case .none: .none
        case .length(let length): .length(length)
        case .open: .chunked
        }
    }
}

/// Hands on what NIO's parser tells.
final class HTTP1RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart

    private unowned let front: HTTP1Front

    /// - Parameter front: stands behind this one in the pipeline.
    init(_ front: HTTP1Front) {
        self.front = front
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        front.parserRead(unwrapInboundIn(data))
    }
}
