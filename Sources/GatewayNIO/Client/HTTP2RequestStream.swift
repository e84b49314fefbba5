import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTP2Core
import HTTPTypes
import NIOCore

/// One stream of a client's connection until it is answered or carries frames.
final class HTTP2RequestStream: HTTP2StreamDelegate, ClientResponder {
    private let stream: HTTP2Stream
    private let front: HTTP2Front
    private let peer: ClientAddress
    private var timer: Scheduled<Void>?
    private var isOver = false
    /// Content that came before it was known what becomes of it: at most a window.
    private var early: ByteBuffer?
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
            exchange.decide(request, content: .none(isTold: false))
            // A WebSocket is asked for with the head alone; of other requests the content is of no interest.
            exchange.requestEnded()
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
        guard AuthorityText.isValid(request.authority ?? "") else { throw .badRequest(":authority is no authority") }
        guard endsStream else { return request }
        guard request.method != .connect else {
            throw .badRequest("the stream ended with CONNECT, expected it to stay open")
        }
        for length in request.headerFields[values: .contentLength] where length != "0" {
            throw .badRequest("content-length is not 0, and the stream ended without content")
        }
        return request
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
        early = nil
        if stream.delegate === self { stream.delegate = nil }
        front.loop.counters.handshaking.subtract()
        front.loop.checkEmpty()
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
        if exchange.isBusy {
            if early == nil { early = ByteBuffer() }
            early?.writeImmutableBuffer(bytes)
        } else {
            front.handler.consumed(bytes.readableBytes, of: stream)
        }
    }

    func streamEnded(_ stream: HTTP2Stream) {
        if stream.isClosed {
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
        if exchange.isAnswered, !isOver { endIfSent() }
    }
    func stream(_ stream: HTTP2Stream, received response: HTTPResponse) {}

    // MARK: ClientResponder

    func answer(_ answer: GatewayAnswer) {
        var fields = answer.fields
        // HTTP/1.1's alone (RFC 9113 §8.2.2).
        fields[.upgrade] = nil
        let hasBody = !answer.isForHead && answer.body.readableBytes > 0
        connection.respond(
            HTTPResponse(status: .init(code: answer.status), headerFields: fields), on: stream, endsStream: !hasBody)
        if hasBody { connection.write(answer.body, on: stream) }
        endAnswer(trailers: nil)
    }

    func beginAnswer(_ response: HTTPResponse) {
        // A server that never ends its response, or a client that never reads it, may not hold both streams.
        startTimer(TimeAmount(front.loop.generation.configuration.limits.handshakeTimeout))
        var response = response
        response.headerFields[.upgrade] = nil
        connection.respond(response, on: stream)
        front.handler.scheduleFlush()
    }

    func continueAnswer(_ bytes: ByteBuffer) {
        connection.write(bytes, on: stream)
        front.handler.scheduleFlush()
    }

    func inform(_ response: HTTPResponse) {}
    func abortAnswer() { reset(.internalError) }
    func flushAnswer() {}
    func setMayRead(_ mayRead: Bool) {}

    func endAnswer(trailers: HTTPFields?) {
        connection.end(stream)
        front.handler.scheduleFlush()
        startTimer(HTTP1Front.lingerTime)
        endIfSent()
    }

    /// Once the answer is whole, nothing more is wanted from the client (RFC 9113 §8.1).
    private func endIfSent() {
        if stream.isClosed {
            finish()
        } else if stream.localEnded, stream.pendingBytes == 0 {
            reset(.noError)
        }
    }

    var isWritable: Bool { stream.isWritable }

    var endpoints: ConnectionEndpoints { front.endpoints }

    func relay(with driver: SessionDriver, response: HTTPFields) throws {
        guard !stream.isClosed else { throw ChannelError.ioOnClosedChannel }
        connection.respond(HTTPResponse(status: .ok, headerFields: response), on: stream)
        _ = HTTP2Leg(.client, on: stream, of: front.handler, driver: driver, early: early)
        front.handler.scheduleFlush()
        finish()
    }
}
