import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTLS
import GatewayTelemetry
import HTTP2Core
import HTTPTypes
import NIOCore

/// One stream of a client's connection until it is answered or carries frames.
final class HTTP2RequestStream: HTTP2StreamDelegate, HTTP2StreamReader {
    /// How long a client whose answer is whole may go on with its request before it is told to stop.
    private static let restTime = TimeAmount.seconds(1)

    private let stream: HTTP2Stream
    private let front: HTTP2Front
    private let peer: ClientAddress
    private var timer: Scheduled<Void>?
    private var isOver = false
    /// A server was sought for a plain request: it is no handshake any more.
    private var isPlain = false
    /// Of a WebSocket, what came before it was open.
    private var content = HTTP2Content()
    private var isPassing = false
    private var isTouched = false
    /// The head of an answer that nothing has followed yet: the end may go out with it.
    private var head: HTTPResponse?
    /// The answer is whole, as far as it was given.
    private var hasEnded = false
    /// Made with the first use, as it refers to this one.
    private lazy var exchange = ClientExchange(
        listener: front.listener, version: .http2, isFirst: true, loop: front.loop, responder: self,
        peer: { [peer] in peer })

    init(_ stream: HTTP2Stream, of front: HTTP2Front, peer: ClientAddress) {
        self.stream = stream
        self.front = front
        self.peer = peer
    }

    private var connection: HTTP2Connection { front.handler.connection }

    func start(_ request: Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool) {
        stream.delegate = self
        front.loop.counters.handshaking.add()
        front.loop.counters.http2Client.streamsOpened.add()
        startTimer(TimeAmount(front.loop.generation.configuration.limits.handshakeTimeout))
        do throws(Refusal) {
            let request = try Self.checked(request, endsStream: endsStream)
            exchange.decide(request, content: Self.content(of: request, endsStream: endsStream))
            if exchange.isForwarding {
                forwardingBegan()
            } else {
                // A WebSocket is asked for with the head alone. Of what is answered already the content is of no interest.
                content.mayRead = false
                exchange.requestEnded()
            }
        } catch {
            exchange.refuse(error)
        }
    }

    private static func checked(
        _ result: Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool
    ) throws(Refusal) -> HTTPRequest {
        let request: HTTPRequest
        switch result {
        case .success(let value): request = value
        case .failure(.headerListTooLarge): throw .headerTooLarge
        case .failure(.malformed(let reason)): throw .badRequest(reason)
        }
        guard AuthorityText.isValid(request.authority ?? "") else {
            throw .badRequest(":authority is not an authority, expected a host and an optional port")
        }
        guard !endsStream || request.method != .connect else {
            throw .badRequest("the stream ended with CONNECT, expected it to stay open")
        }
        return request
    }

    /// `content-length` was judged with the other fields.
    private static func content(of request: HTTPRequest, endsStream: Bool) -> RequestContent {
        let length = request.headerFields[values: .contentLength].first.flatMap { Int($0) }
        if endsStream { return .none(isTold: length != nil) }
        guard let length, length > 0 else { return .open }
        return .length(length)
    }

    /// From now on its `Forwarding` keeps the time.
    private func forwardingBegan() {
        isPlain = true
        timer?.cancel()
        front.loop.plainStreamBegan()
        front.loop.counters.handshaking.subtract()
    }

    private func startTimer(_ time: TimeAmount) {
        timer?.cancel()
        let this = NIOLoopBound(self, eventLoop: front.loop.eventLoop)
        timer = front.loop.eventLoop.scheduleTask(in: time) { this.value.timedOut() }
    }

    private func timedOut() {
        if exchange.isAnswered || !exchange.timedOut() { reset(.cancel) }
    }

    /// The stream is another's, or nobody's.
    private func finish() {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        content = HTTP2Content()
        if stream.delegate === self { stream.delegate = nil }
        if isPlain {
            front.loop.plainStreamEnded()
        } else {
            front.loop.counters.handshaking.subtract()
            front.loop.checkEmpty()
        }
    }

    private func reset(_ code: HTTP2ErrorCode) {
        exchange.clientGone()
        stream.delegate = nil
        connection.reset(stream, code)
        front.handler.scheduleFlush()
        finish()
    }

    // MARK: HTTP2StreamDelegate

    func stream(_ stream: HTTP2Stream, received bytes: ByteBuffer) {
        guard exchange.isForwarding || exchange.isBusy else {
            return front.handler.consumed(bytes.readableBytes, of: stream)
        }
        guard let bytes = content.add(bytes) else { return }
        pass(bytes)
        guard !isTouched else { return }
        isTouched = true
        front.handler.touch(self)
    }

    private func pass(_ bytes: ByteBuffer) {
        front.handler.consumed(bytes.readableBytes, of: stream)
        exchange.contentArrived(bytes)
    }

    func readComplete() {
        isTouched = false
        exchange.contentReadComplete()
    }

    /// Hands on what has been held, as far as it is wanted.
    private func passHeld() {
        guard !isPassing else { return }
        isPassing = true
        var hasPassed = false
        while exchange.isForwarding, let piece = content.next() {
            switch piece {
            case .bytes(let bytes):
                hasPassed = true
                pass(bytes)
            case .end(let trailers):
                exchange.contentEnded(trailers: trailers)
            }
        }
        isPassing = false
        if hasPassed { exchange.contentReadComplete() }
    }

    func streamEnded(_ stream: HTTP2Stream, trailers: HTTPFields?) {
        if exchange.isForwarding {
            content.end(trailers: trailers)
            passHeld()
        } else if stream.isClosed {
            exchange.clientGone()
            finish()
        } else if !exchange.isAnswered, !exchange.isRelayingRefusal {
            // It could neither speak nor answer a Close: its place and the server's are free.
            reset(.cancel)
        }
    }

    func stream(_ stream: HTTP2Stream, closed reason: HTTP2StreamClosure) {
        exchange.clientGone()
        finish()
    }

    func streamIsWritable(_ stream: HTTP2Stream) {
        exchange.writabilityChanged()
        if hasEnded, !isOver { endIfSent() }
    }

    func stream(_ stream: HTTP2Stream, informed response: HTTPResponse) {}
    func stream(_ stream: HTTP2Stream, received response: HTTPResponse) {}
}

extension HTTP2RequestStream: ClientResponder {
    func answer(_ answer: GatewayAnswer) {
        head = HTTPResponse(status: .init(code: answer.status), headerFields: answer.fields)
        if !answer.isForHead, answer.body.readableBytes > 0 { continueAnswer(answer.body) }
        endAnswer(trailers: nil)
        // The descriptor is needed for others, who are to be answered as well.
        if usesReserve { front.drain() }
    }

    func inform(_ response: HTTPResponse) {
        connection.respond(response, on: stream)
        front.handler.scheduleFlush()
    }

    func beginAnswer(_ response: HTTPResponse) {
        // A server that never ends its refusal, or a client that never reads it, may not hold both streams.
        if !isPlain { startTimer(TimeAmount(front.loop.generation.configuration.limits.handshakeTimeout)) }
        head = response
    }

    private func sendHead() {
        if let head = head.take() { connection.respond(head, on: stream) }
    }

    func continueAnswer(_ bytes: ByteBuffer) {
        sendHead()
        connection.write(bytes, on: stream)
    }

    func flushAnswer() {
        sendHead()
        front.handler.scheduleFlush()
    }

    func endAnswer(trailers: HTTPFields?) {
        hasEnded = true
        if trailers == nil, let head = head.take() {
            connection.respond(head, on: stream, endsStream: true)
        } else {
            sendHead()
            connection.end(stream, trailers: trailers)
        }
        front.handler.scheduleFlush()
        if isPlain { watchRest() } else { startTimer(HTTP1Front.lingerTime) }
        endIfSent()
    }

    func abortAnswer() { reset(.internalError) }

    /// A client may take its time for what is left of its response, as long as it takes some of it.
    private func watchRest() {
        let left = stream.pendingBytes
        guard left > 0 else { return }
        timer?.cancel()
        let this = NIOLoopBound(self, eventLoop: front.loop.eventLoop)
        timer = front.loop.eventLoop.scheduleTask(in: HTTP2Front.idleTimeout) {
            let this = this.value
            if this.stream.pendingBytes < left { this.watchRest() } else { this.reset(.cancel) }
        }
    }

    /// Once the answer is whole, nothing more is wanted from the client (RFC 9113 §8.1).
    private func endIfSent() {
        if stream.isClosed {
            finish()
        } else if stream.localEnded, stream.pendingBytes == 0 {
            guard isPlain else { return reset(.noError) }
            // Not at once: some clients (curl 7.88) take a reset that comes with the end of the answer for a failure.
            timer?.cancel()
            let this = NIOLoopBound(self, eventLoop: front.loop.eventLoop)
            timer = front.loop.eventLoop.scheduleTask(in: Self.restTime) { this.value.reset(.noError) }
        }
    }

    var isWritable: Bool { stream.isWritable }

    func setMayRead(_ mayRead: Bool) {
        content.mayRead = mayRead
        if mayRead { passHeld() }
    }

    var endpoints: ConnectionEndpoints { front.endpoints }

    var protection: TLSProtection? { front.protection }

    var usesReserve: Bool { front.usesReserve }

    func relay(with driver: SessionDriver, response: HTTPFields) throws {
        guard !stream.isClosed else { throw ChannelError.ioOnClosedChannel }
        connection.respond(HTTPResponse(status: .ok, headerFields: response), on: stream)
        _ = HTTP2Leg(.client, on: stream, of: front.handler, driver: driver, early: content.takeAll())
        front.handler.scheduleFlush()
        finish()
    }
}
