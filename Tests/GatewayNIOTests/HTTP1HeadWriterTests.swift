import HTTPTypes
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("Heads of HTTP/1.1 messages as they are written")
struct HTTP1HeadWriterTests {
    @Test(
        "a status line has the usual phrase of its status, or another one",
        arguments: [
            (101, nil, "HTTP/1.1 101 Switching Protocols"), (200, nil, "HTTP/1.1 200 OK"),
            (204, nil, "HTTP/1.1 204 No Content"), (304, nil, "HTTP/1.1 304 Not Modified"),
            (426, nil, "HTTP/1.1 426 Upgrade Required"), (101, "Other", "HTTP/1.1 101 Other"),
        ] as [(Int, String?, String)])
    func statusLine(status: Int, reason: String?, line: String) {
        #expect(
            String(buffer: HTTP1HeadWriter(status: status, reason: reason).end()) == "\(line)\r\n\r\n")
    }

    @Test("a request line, fields of the gateway's own, and fields in their order and case")
    func request() throws {
        var fields = HTTPFields()
        fields.append(HTTPField(name: try #require(HTTPField.Name("x-ABC")), value: "1"))
        fields.append(HTTPField(name: .cookie, value: ""))
        fields.append(HTTPField(name: .accept, value: String(repeating: "a", count: 1000)))
        var head = HTTP1HeadWriter(method: .get, path: "/chat?x")
        head.add("Host", "example.com")
        head.add(fields)
        #expect(
            String(buffer: head.end())
                == "GET /chat?x HTTP/1.1\r\nHost: example.com\r\nx-ABC: 1\r\nCookie: \r\nAccept: "
                + String(repeating: "a", count: 1000) + "\r\n\r\n")
    }

    @Test(
        "a value is written as the bytes that it is, UTF-8 or not",
        arguments: [[0x63, 0xE9], [0x63, 0xC3, 0xA9]])
    func bytes(value: [UInt8]) {
        var head = HTTP1HeadWriter(status: 200)
        head.add(HTTPField(name: .server, value: value))
        let expected = Array("HTTP/1.1 200 OK\r\nServer: ".utf8) + value + Array("\r\n\r\n".utf8)
        #expect(head.end() == ByteBuffer(bytes: expected))
    }

    @Test("chunks end with an empty one, and trailers behind it")
    func chunks() {
        #expect(String(buffer: HTTP1Chunks.line(size: 255)) == "ff\r\n")
        #expect(String(buffer: HTTP1Chunks.last(trailers: nil)) == "0\r\n\r\n")
        #expect(String(buffer: HTTP1Chunks.last(trailers: [.server: "x"])) == "0\r\nServer: x\r\n\r\n")
    }
}
