import HTTP2Core
import HTTPTypes
import NIOCore
import WebSocketCore

/// A check over HTTP/2, on a connection of its own: a GET whose status is judged, or an extended CONNECT (RFC 8441) and
/// what follows it.
final class HTTP2HealthExchange: HealthExchange {
    private(set) var verdict: HealthVerdict?
    private(set) var isOver = false
    private let question: HealthQuestion
    private let masks: () -> UInt32
    private let connection = HTTP2Connection(
        role: .client, limits: HTTP2Limits(maxStreams: 0, maxHeaderListSize: 64 * 1024))
    private var stream: HTTP2Stream?
    private var socket: WebSocketProbe?

    /// - Parameter masks: random numbers for frames.
    init(_ question: HealthQuestion, masks: @escaping () -> UInt32) {
        self.question = question
        self.masks = masks
    }

    func takeOutput() -> ByteBuffer? {
        connection.takeOutput()
    }

    func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        connection.receive(bytes)
        while let event = connection.nextEvent(now: now) { handle(event, now: now) }
    }

    private func handle(_ event: HTTP2Event, now: NIODeadline) {
        switch event {
        case .settings:
            if stream == nil, verdict == nil { ask() }
        case .response(_, let response):
            if verdict == nil { judge(response) }
        case .data(let stream, let bytes):
            connection.consumed(bytes.readableBytes, of: stream, now: now)
            socket?.receive(bytes)
            converse()
        case .ended:
            end(.failed("the server ended the stream before its answer"))
        case .closed(_, .reset(let code)):
            end(.failed("the server reset the stream (\(code.name))"))
        case .closed:
            end(.failed("the server ended the connection, or refused the stream, before its answer"))
        case .failed(let failure):
            end(.failed("the answer is not HTTP/2: \(failure)"))
        case .request, .informed, .writable, .pong, .goAway:
            break
        }
    }

    private func ask() {
        guard !question.isForWebSocket || connection.peerSettings.enableConnectProtocol else {
            return end(.failed("the server's SETTINGS lack ENABLE_CONNECT_PROTOCOL (RFC 8441)"))
        }
        var request = HTTPRequest(
            method: question.isForWebSocket ? .connect : .get, scheme: question.isTLS ? "https" : "http",
            authority: question.host, path: question.path, headerFields: HealthQuestion.fields)
        if question.isForWebSocket {
            request.extendedConnectProtocol = "websocket"
            request.headerFields.append(contentsOf: ClientHandshake.requestFields(key: nil))
        }
        stream = connection.open(request, endsStream: !question.isForWebSocket)
        if stream == nil { end(.failed("the server's SETTINGS allow no stream")) }
    }

    private func judge(_ response: HTTPResponse) {
        switch question.wanted {
        case .status(let wanted):
            verdict = HealthQuestion.verdict(on: response.status.code, wanted: wanted)
        case .pong:
            do {
                let (_, extensions) = try ClientHandshake.verifyExtendedConnect(
                    status: response.status.code, fields: response.headerFields, offeredSubprotocols: [])
                if let refusal = HealthQuestion.refusal(of: extensions) { return end(refusal) }
                socket = WebSocketProbe(masks: masks)
                converse()
            } catch {
                end(.failed(error.message))
            }
        }
    }

    /// Passes on what the probe wants to say, and learns what it has found out.
    private func converse() {
        guard let stream, socket != nil else { return }
        if let bytes = socket?.takeOutput() { connection.write(bytes, on: stream) }
        verdict = verdict ?? socket?.verdict
        if socket?.isOver == true { end(.passed) }
    }

    /// - Parameter verdict: counts unless there is one.
    private func end(_ verdict: HealthVerdict) {
        if self.verdict == nil { self.verdict = verdict }
        guard !isOver else { return }
        isOver = true
        connection.sendGoAway()
    }
}
