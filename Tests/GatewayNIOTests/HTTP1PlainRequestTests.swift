import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing

@testable import GatewayNIO

@Suite("Requests that need no parser")
struct HTTP1PlainRequestTests {
    private func read(_ text: String) -> HTTP1Request? {
        HTTP1Request(plain: ByteBuffer(string: text), scheme: "https")
    }

    @Test("a head gives method, target, host and fields, in their order and case")
    func whole() throws {
        let head = try #require(
            read(
                "GET /chat?x=1 HTTP/1.1\r\nUpgrade: websocket\r\nHOST: example.com:8080\r\nX-a:  b c\t\r\n"
                    + "sec-websocket-key: k\r\nEmpty:\r\nSec-WebSocket-Key: l\r\n\r\n"))
        #expect(head.request.method == .get)
        #expect(head.request.scheme == "https")
        #expect(head.request.authority == "example.com:8080")
        #expect(head.request.path == "/chat?x=1")
        #expect(
            head.request.headerFields.map { "\($0.name.rawName)=\($0.value)" } == [
                "Upgrade=websocket", "X-a=b c", "sec-websocket-key=k", "Empty=", "Sec-WebSocket-Key=l",
            ])
        #expect(head.content == .none(isTold: false))
        #expect(!head.isOld)
    }

    @Test(
        "each common method is read",
        arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    func methods(name: String) {
        #expect(read("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n")?.request.method.rawValue == name)
    }

    @Test(
        "a connection goes on unless Connection says close, or another protocol is asked for",
        arguments: [
            ("", true), ("Connection: keep-alive\r\n", true), ("Connection: Close\r\n", false),
            ("Connection: x , close\r\n", false), ("Connection: closed\r\n", true),
            ("Connection: keep-alive\r\nconnection: close\r\n", false),
            ("Connection: Upgrade\r\nUpgrade: websocket\r\n", false), ("Upgrade: h2c\r\n", false),
        ])
    func keepsAlive(fields: String, keepsAlive: Bool) {
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")?.keepsAlive == keepsAlive)
    }

    @Test("Content-Length says what follows")
    func content() {
        #expect(
            read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")?.content
                == .none(isTold: true))
        #expect(
            read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")?.content == .length(12))
    }

    @Test(
        "whatever could be read in a second way is left to the parser",
        arguments: [
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{7F} HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
            "get / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\u{E9}: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \u{E9}\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nX",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1234567890123456\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n", "", "GET / HT", "G",
        ])
    func notPlain(text: String) {
        #expect(read(text) == nil)
    }

    @Test("each character that may stand in a name, a value or a target, and no other")
    func characters() {
        let tokens = Set(
            "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            func isRead(_ head: [UInt8]) -> Bool {
                HTTP1Request(plain: ByteBuffer(bytes: head), scheme: "http") != nil
            }
            let start = Array("GET / HTTP/1.1\r\nHost: a\r\nX".utf8)
            #expect(
                isRead(start + [byte] + Array("X: y\r\n\r\n".utf8))
                    == (tokens.contains(byte) || byte == 0x3A))
            let isText = byte == 0x09 || (0x20...0x7E).contains(byte)
            #expect(isRead(start + Array(": a".utf8) + [byte] + Array("b\r\n\r\n".utf8)) == isText)
            let isTarget = (0x21...0x7E).contains(byte) && byte != 0x23
            let target = Array("GET /".utf8) + [byte] + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            #expect(isRead(target) == isTarget)
        }
    }

    @Test("what the parser would have given is the same request, and the same size")
    func sameAsParsed() throws {
        let text =
            "GET /a/%2e?b=c HTTP/1.1\r\nHost: a.example:1\r\nUser-Agent:  x  \r\nuser-agent: y\r\nX-Other: z \t \r\n"
            + "Cookie: a=b; c=d\r\nConnection: keep-alive\r\nEmpty: \r\n\r\n"
        let plain = try #require(read(text))
        let headers = HTTPHeaders([
            ("Host", "a.example:1"), ("User-Agent", "x  "), ("user-agent", "y"), ("X-Other", "z \t "),
            ("Cookie", "a=b; c=d"), ("Connection", "keep-alive"), ("Empty", ""),
        ])
        let parsed = try HTTP1Request(
            parsed: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/a/%2e?b=c", headers: headers),
            scheme: "https", maxSize: 10_000)
        #expect(plain.request == parsed.request)
        #expect(
            plain.request.headerFields.map(\.name.rawName)
                == parsed.request.headerFields.map(\.name.rawName))
        #expect(plain.size == parsed.size)
        #expect(plain.content == parsed.content)
        #expect(plain.keepsAlive == parsed.keepsAlive)
    }

    @Test("more than a hundred fields are left to the parser")
    func manyFields() {
        let fields = { (count: Int) in String(repeating: "X: y\r\n", count: count) }
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\n\(fields(100))\r\n") != nil)
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\n\(fields(101))\r\n") == nil)
    }
}
