import GatewayConfig
import GatewayPolicy
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayNIO

@Suite("Responses of the gateway's own")
struct HTTP1AnswerTests {
    private func text(_ answer: HTTP1Answer) -> String { answer.body.map { String(buffer: $0) } ?? "" }

    private func names(_ answer: HTTP1Answer) -> [String] { answer.headers.map(\.name) }

    @Test(
        "a refusal has a status, one line of text and the request's id",
        arguments: [
            (.noRoute, 404, "close", nil, nil), (.badRequest("Host is missing"), 400, "close", nil, nil),
            (.notWebSocket, 426, "upgrade, close", "Upgrade", "websocket"),
            (.unsupportedVersion, 426, "upgrade, close", "Sec-WebSocket-Version", "13"),
            (.obsoleteHandshake, 426, "upgrade, close", "Upgrade", "websocket"),
            (.maxConnections, 503, "close", "Retry-After", "5"), (.handshakeRate, 429, "close", "Retry-After", "1"),
            (.badAnswer("Accept is \"x\""), 502, "close", nil, nil),
        ] as [(Refusal, Int, String, String?, String?)])
    func refusals(
        refusal: Refusal, status: Int, connection: String, name: String?, value: String?
    ) {
        let answer = HTTP1Answer(GatewayAnswer(refusal, requestID: "0123456789abcdef"))
        #expect(answer.status.code == status)
        #expect(text(answer) == refusal.body + "\n")
        #expect(answer.headers["Content-Type"] == ["text/plain; charset=utf-8"])
        #expect(answer.headers["Content-Length"] == [String(answer.body?.readableBytes ?? 0)])
        #expect(answer.headers["X-Request-Id"] == ["0123456789abcdef"])
        #expect(answer.headers["Connection"] == [connection])
        if let name, let value { #expect(answer.headers[name] == [value]) }
    }

    @Test("nothing of a server's bad answer reaches the client")
    func badAnswer() {
        let answer = HTTP1Answer(GatewayAnswer(.badAnswer("Sec-WebSocket-Accept is \"internal\""), requestID: "1"))
        #expect(!text(answer).contains("internal"))
    }

    @Test("line ends in a reason stay out of the answer")
    func lineEndsInReason() {
        let answer = HTTP1Answer(GatewayAnswer(.badRequest("a\r\nSet-Cookie: x"), requestID: "1"))
        #expect(text(answer).split(whereSeparator: \.isNewline).count == 1)
        #expect(answer.headers["Set-Cookie"].isEmpty)
    }

    @Test("a fixed response has its status, fields and body")
    func fixedResponse() {
        let response = FixedResponse(
            status: 203, headers: ["cache-control": "max-age=60", "content-type": "text/html"], body: "<p>grüße")
        let answer = HTTP1Answer(
            GatewayAnswer(response, body: ByteBuffer(string: response.body), edits: .init(), requestID: "1"))
        #expect(answer.status.code == 203)
        #expect(text(answer) == "<p>grüße")
        #expect(answer.headers["Cache-Control"] == ["max-age=60"])
        #expect(answer.headers["Content-Type"] == ["text/html"])
        // Bytes, not characters.
        #expect(answer.headers["Content-Length"] == ["10"])
        #expect(answer.headers["Connection"] == ["close"])
    }

    @Test("a fixed response is edited as the route says")
    func editedResponse() {
        let response = FixedResponse(headers: ["server": "x", "cache-control": "no-store"], body: "")
        let answer = HTTP1Answer(
            GatewayAnswer(
                response, body: ByteBuffer(string: response.body),
                edits: .init(set: ["x-env": "prod"], remove: ["server"]), requestID: "1"))
        #expect(answer.headers["Server"].isEmpty)
        #expect(answer.headers["X-Env"] == ["prod"])
        #expect(answer.headers["Content-Length"] == ["0"])
    }

    @Test("a redirect names its location", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) {
        let answer = HTTP1Answer(GatewayAnswer(redirectTo: "https://example.com/new", status: status, requestID: "1"))
        #expect(answer.status.code == status)
        #expect(answer.headers["Location"] == ["https://example.com/new"])
        #expect(answer.headers["Content-Length"] == [String(answer.body?.readableBytes ?? 0)])
        #expect(Set(names(answer)).count == names(answer).count)
    }

    @Test("an answer to HEAD tells the length of the body that it leaves out")
    func head() {
        var answer = GatewayAnswer(
            FixedResponse(headers: [:]), body: ByteBuffer(string: "hello"), edits: .init(), requestID: "1")
        answer.isForHead = true
        #expect(HTTP1Answer(answer).body == nil)
        #expect(HTTP1Answer(answer).headers["Content-Length"] == ["5"])
    }
}
