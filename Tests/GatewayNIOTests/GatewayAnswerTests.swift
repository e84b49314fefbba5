import GatewayConfig
import GatewayPolicy
import HTTPTypes
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("Responses of the gateway's own")
struct GatewayAnswerTests {
    private func text(_ answer: GatewayAnswer) -> String { String(buffer: answer.body) }

    private func values(_ answer: GatewayAnswer, _ name: String) -> [String] {
        HTTPField.Name(name).map { answer.fields[values: $0] } ?? []
    }

    @Test(
        "a refusal has a status, one line of text and the request's id",
        arguments: [
            (.noRoute, 404, false, nil, nil), (.badRequest("Host is missing"), 400, true, nil, nil),
            (.notWebSocket, 426, false, "Upgrade", "websocket"),
            (.unsupportedVersion, 426, false, "Sec-WebSocket-Version", "13"),
            (.obsoleteHandshake, 426, true, "Upgrade", "websocket"),
            (.maxConnections, 503, false, "Retry-After", "5"), (.handshakeRate, 429, false, "Retry-After", "1"),
            (.badAnswer("Accept is \"x\""), 502, false, nil, nil), (.bodyTooLarge, 413, false, nil, nil),
            (.routeMaxRequests, 503, false, "Retry-After", "5"), (.requestTimeout, 408, true, nil, nil),
            (.tunnel, 405, false, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ] as [(Refusal, Int, Bool, String?, String?)])
    func refusals(
        refusal: Refusal, status: Int, closes: Bool, name: String?, value: String?
    ) {
        let answer = GatewayAnswer(refusal, requestID: "0123456789abcdef")
        #expect(answer.status == status)
        #expect(text(answer) == refusal.body + "\n")
        #expect(values(answer, "Content-Type") == ["text/plain; charset=utf-8"])
        #expect(values(answer, "Content-Length") == [String(answer.body.readableBytes)])
        #expect(values(answer, "X-Request-Id") == ["0123456789abcdef"])
        #expect(answer.closesConnection == closes)
        if let name, let value { #expect(values(answer, name) == [value]) }
    }

    @Test("nothing of a server's bad answer reaches the client")
    func badAnswer() {
        let answer = GatewayAnswer(.badAnswer("Sec-WebSocket-Accept is \"internal\""), requestID: "1")
        #expect(!text(answer).contains("internal"))
    }

    @Test("line ends in a reason stay out of the answer")
    func lineEndsInReason() {
        let answer = GatewayAnswer(.badRequest("a\r\nSet-Cookie: x"), requestID: "1")
        #expect(text(answer).split(whereSeparator: \.isNewline).count == 1)
        #expect(values(answer, "Set-Cookie").isEmpty)
    }

    @Test("a fixed response has its status, fields and body")
    func fixedResponse() {
        let response = FixedResponse(
            status: 203, headers: ["cache-control": "max-age=60", "content-type": "text/html"], body: "<p>grüße")
        let answer = GatewayAnswer(response, body: ByteBuffer(string: response.body), edits: .init(), requestID: "1")
        #expect(answer.status == 203)
        #expect(text(answer) == "<p>grüße")
        #expect(values(answer, "Cache-Control") == ["max-age=60"])
        #expect(values(answer, "Content-Type") == ["text/html"])
        // Bytes, not characters.
        #expect(values(answer, "Content-Length") == ["10"])
    }

    @Test("a fixed response is edited as the route says")
    func editedResponse() {
        let response = FixedResponse(headers: ["server": "x", "cache-control": "no-store"], body: "")
        let answer = GatewayAnswer(
            response, body: ByteBuffer(string: response.body),
            edits: .init(set: ["x-env": "prod"], remove: ["server"]), requestID: "1")
        #expect(values(answer, "Server").isEmpty)
        #expect(values(answer, "X-Env") == ["prod"])
        #expect(values(answer, "Content-Length") == ["0"])
    }

    @Test("a redirect names its location", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) {
        let answer = GatewayAnswer(redirectTo: "https://example.com/new", status: status, requestID: "1")
        #expect(answer.status == status)
        #expect(values(answer, "Location") == ["https://example.com/new"])
        #expect(values(answer, "Content-Length") == [String(answer.body.readableBytes)])
        #expect(Set(answer.fields.map(\.name)).count == answer.fields.count)
    }
}
