import GatewayPolicy
import HTTP2Core
import HTTPTypes
import NIOCore

/// One request on a stream of a connection to a server that others share, from its wait for a place until its response has
/// ended.
class HTTP2UpstreamStream: HTTP2StreamDelegate, HTTP2StreamReader, UpstreamLeg {
    private enum State {
        /// For a connection, or the answer.
        case waiting
        /// The head of the response was passed on.
        case responding
        case over
    }

    final let version = LegVersion.http2
    var asWebSocket: (any WebSocketLeg)? { nil }
    var asRequest: (any RequestLeg)? { nil }
    /// The request as it is sent.
    final let head: HTTPRequest
    /// Nothing follows the head.
    final let endsStream: Bool
    /// It takes a server with WebSockets over HTTP/2 (RFC 8441 §3).
    final let isForWebSocket: Bool
    private let timeout: TimeAmount?
    private let pool: HTTP2Pool
    /// Kept until the end: it has nobody else when its client is gone.
    private(set) final var delegate: (any UpstreamLegDelegate)?
    private var state = State.waiting
    private(set) final var stream: HTTP2Stream?
    private(set) final var handler: HTTP2Handler?
    /// The connection was ready before the request came to it.
    private(set) final var isReused = false
    /// Something of an answer has come.
    private(set) final var hasAnswerBegun = false
    private var timer: Scheduled<Void>?
    private var content = HTTP2Content()
    private var isPassing = false
    private var isTouched = false

    /// - Parameter timeout: from the request to its answer; nil: somebody else keeps the time.
    init(
        head: HTTPRequest, endsStream: Bool, isForWebSocket: Bool, timeout: TimeAmount?, pool: HTTP2Pool,
        delegate: any UpstreamLegDelegate
    ) {
        self.head = head
        self.endsStream = endsStream
        self.isForWebSocket = isForWebSocket
        self.timeout = timeout
        self.pool = pool
        self.delegate = delegate
    }

    // MARK: What the connection tells

    final func opened(_ stream: HTTP2Stream, on handler: HTTP2Handler, isReused: Bool) {
        self.stream = stream
        self.handler = handler
        self.isReused = isReused
        stream.delegate = self
        if let timeout {
            let this = NIOLoopBound(self, eventLoop: pool.loop.eventLoop)
            timer = pool.loop.eventLoop.scheduleTask(in: timeout) {
                guard case .waiting = this.value.state else { return }
                this.value.finish { $0.legTimedOut(this.value) }
                this.value.reset()
            }
        }
        began()
    }

    /// The head is on its way.
    func began() {}

    /// The connection can't take it after all.
    final func moveOn() {
        finish { $0.legNotProcessed(self, .serverMaxConnections, reason: "the connection accepts no more streams") }
    }

    final func failed(_ error: any Error) {
        finish { $0.leg(self, failedWith: error) }
    }

    final func lacksHTTP2(_ reason: String) {
        finish { $0.legLacksHTTP2(self, reason: reason) }
    }

    /// Tells the delegate what became of it, and forgets it.
    private func finish(_ tell: (any UpstreamLegDelegate) -> Void) {
        timer?.cancel()
        state = .over
        if let delegate = delegate.take() { tell(delegate) }
    }

    private func reset() {
        timer?.cancel()
        guard let stream, let handler else { return }
        if stream.delegate === self { stream.delegate = nil }
        handler.connection.reset(stream, .cancel)
        handler.scheduleFlush()
    }

    // MARK: HTTP2StreamDelegate

    final func stream(_ stream: HTTP2Stream, informed response: HTTPResponse) {
        guard case .waiting = state else { return }
        hasAnswerBegun = true
        touch()
        delegate?.leg(self, informed: response)
    }

    final func stream(_ stream: HTTP2Stream, received response: HTTPResponse) {
        guard case .waiting = state else { return }
        timer?.cancel()
        guard response.status.code < 600 else {
            finish { $0.leg(self, answeredBadly: "status is \(response.status.code), expected 100 to 599") }
            return reset()
        }
        state = .responding
        touch()
        delegate?.leg(self, answered: response)
    }

    final func stream(_ stream: HTTP2Stream, received bytes: ByteBuffer) {
        guard let bytes = content.add(bytes) else { return }
        touch()
        pass(bytes)
    }

    private func pass(_ bytes: ByteBuffer) {
        guard case .responding = state, let stream else { return }
        handler?.consumed(bytes.readableBytes, of: stream)
        delegate?.leg(self, content: bytes)
    }

    private func touch() {
        guard !isTouched else { return }
        isTouched = true
        handler?.touch(self)
    }

    final func readComplete() {
        isTouched = false
        delegate?.legReadComplete(self)
    }

    final func streamEnded(_ stream: HTTP2Stream, trailers: HTTPFields?) {
        content.end(trailers: trailers)
        passHeld()
    }

    /// Hands on what has been held, as far as it is wanted.
    private func passHeld() {
        guard !isPassing else { return }
        isPassing = true
        var hasPassed = false
        while let piece = content.next() {
            switch piece {
            case .bytes(let bytes):
                hasPassed = true
                pass(bytes)
            case .end(let trailers):
                ended(trailers)
            }
        }
        isPassing = false
        if hasPassed { delegate?.legReadComplete(self) }
    }

    /// Of a request that is not whole yet the server wants nothing more.
    private func ended(_ trailers: HTTPFields?) {
        switch state {
        case .waiting: brokeOff("ended")
        case .responding: finish { $0.legEndedResponse(self, isWhole: true, trailers: trailers) }
        case .over: break
        }
        reset()
    }

    final func stream(_ stream: HTTP2Stream, closed reason: HTTP2StreamClosure) {
        switch state {
        case .waiting:
            notAnswered(reason)
        case .responding:
            // A server may cut what is left of a request once its answer is whole (RFC 9113 §8.1): that is handed on first.
            // What is meant for the stream goes nowhere meanwhile, and stops nobody.
            if stream.remoteEnded, !content.isEmpty { return streamIsWritable(stream) }
            finish { $0.legEndedResponse(self, isWhole: stream.remoteEnded, trailers: nil) }
        case .over:
            break
        }
    }

    private func notAnswered(_ reason: HTTP2StreamClosure) {
        switch reason {
        case .notProcessed:
            finish { $0.legNotProcessed(self, .connectFailed, reason: "the server accepts no more streams") }
        case .reset(.refusedStream):
            finish { $0.legNotProcessed(self, .serverMaxConnections, reason: "the server refused the stream") }
        case .reset(.http11Required):
            if isForWebSocket {
                pool.server.lacksWebSocketsOverHTTP2(now: .now())
            } else {
                pool.server.lacksHTTP2(now: .now())
            }
            lacksHTTP2("the server reset the stream with HTTP_1_1_REQUIRED")
        case .reset(let code), .violation(let code):
            brokeOff("was reset with \(code.name)")
        case .connectionLost:
            brokeOff("was lost with its connection")
        }
    }

    private func brokeOff(_ how: String) {
        finish { $0.legBrokeOff(self, reason: "the stream \(how) before the server's answer") }
    }

    func streamIsWritable(_ stream: HTTP2Stream) {}

    // MARK: UpstreamLeg

    final func setMayRead(_ mayRead: Bool) {
        content.mayRead = mayRead
        if mayRead { passHeld() }
    }

    final func giveUp() {
        state = .over
        delegate = nil
        if stream == nil { pool.forget(self) }
        reset()
    }

    /// Whether somebody waits for the response, or reads it.
    final var isUnderWay: Bool { if case .over = state { false } else { true } }

    /// Leaves the stream to somebody else.
    ///
    /// - Throws: when it closed this very moment.
    final func handOver() throws -> (HTTP2Stream, HTTP2Handler) {
        guard let stream, let handler, !stream.isClosed else { throw ChannelError.ioOnClosedChannel }
        state = .over
        delegate = nil
        return (stream, handler)
    }
}
