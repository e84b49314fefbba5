import HTTPTypes
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("Responses that need no parser")
struct HTTP1PlainResponseTests {
    private func read(_ text: String, to method: HTTPRequest.Method = .get) -> HTTP1Response? {
        HTTP1Response(plain: ByteBuffer(string: text), to: method)
    }

    @Test("a head gives status, fields, framing, and whether the connection goes on")
    func whole() throws {
        let head = try #require(
            read("HTTP/1.1 200 Fine\r\nContent-Length: 7\r\nKeep-Alive: timeout=5\r\nX-a: b\r\n\r\n"))
        #expect(head.response.status.code == 200)
        #expect(head.response.headerFields.map(\.value) == ["7", "timeout=5", "b"])
        #expect(head.framing == .length(7))
        #expect(head.keepsAlive)
        #expect(head.idleLimit == .seconds(4))
    }

    @Test(
        "some have no content, whatever they say (RFC 9112 §6.3)",
        arguments: [
            ("200 OK", HTTPRequest.Method.head, "Content-Length: 5\r\n"), ("200 OK", .head, ""),
            ("204 No Content", .get, ""), ("304 Not Modified", .get, "Content-Length: 5\r\n"),
            ("200 OK", .get, "Content-Length: 0\r\n"),
            ("101 Switching Protocols", .get, "Upgrade: websocket\r\n"),
        ])
    func noContent(status: String, method: HTTPRequest.Method, fields: String) {
        #expect(read("HTTP/1.1 \(status)\r\n\(fields)\r\n", to: method)?.framing == HTTP1Framing.none)
    }

    @Test("close ends the connection, and a protocol that is offered does not")
    func closes() {
        let offer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        #expect(read(offer)?.keepsAlive == true)
        #expect(
            read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?.keepsAlive == false
        )
    }

    @Test(
        "whatever could be read in a second way, or has no known length, is left to the parser",
        arguments: [
            "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 \u{E9}\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 101 x\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 2", "",
        ])
    func notPlain(text: String) {
        #expect(read(text) == nil)
    }
}
