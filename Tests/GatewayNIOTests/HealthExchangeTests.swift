import GatewayConfig
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("What a server's answer to a check is worth")
struct HealthExchangeTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let upgraded =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

    private static func exchange(_ kind: HealthCheck.Kind, host: String? = nil) throws -> HTTP1HealthExchange {
        let question = try #require(
            HealthQuestion(HealthCheck(kind: kind, host: host), of: .tcp(host: "::1", port: 80), tls: nil))
        return HTTP1HealthExchange(question, key: key) { 0 }
    }

    /// Pieces of that many bytes.
    private static func feed(_ bytes: [UInt8], by size: Int, to exchange: HTTP1HealthExchange) {
        var bytes = ByteBuffer(bytes: bytes)
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            exchange.receive(piece, now: .now())
        }
    }

    private static let get = HealthCheck.Kind.http(path: "/live?a", statuses: [200...299, 401...401])

    @Test func aGETIsAsked() throws {
        let exchange = try Self.exchange(Self.get)
        #expect(
            exchange.takeOutput().map { String(buffer: $0) }
                == "GET /live?a HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: sluice-health-check\r\nConnection: close\r\n\r\n"
        )
        #expect(exchange.takeOutput() == nil)
    }

    @Test func theHostIsTheOneThatIsGiven() throws {
        let tls = UpstreamTLS(serverName: "name.example")
        func host(_ given: String?, _ address: Address, _ tls: UpstreamTLS?) -> String? {
            HealthQuestion(HealthCheck(kind: Self.get, host: given), of: address, tls: tls)?.host
        }
        #expect(host("a.example", .unix(path: "/s"), tls) == "a.example")
        #expect(host(nil, .tcp(host: "s", port: 1), tls) == "name.example")
        #expect(host(nil, .tcp(host: "s", port: 1), UpstreamTLS()) == "s:1")
        #expect(host(nil, .unix(path: "/s"), nil) == "localhost")
        #expect(HealthQuestion(HealthCheck(), of: .unix(path: "/s"), tls: nil) == nil)
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK\r\n\r\n", HealthVerdict.passed),
            ("HTTP/1.0 401 \r\nA: b\r\n\r\nbody", .passed),
            ("\r\nHTTP/1.1 204\nA: b\n\n", .passed),
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 299 X\r\n\r\n", .passed),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .failed("status is 101, expected 200-299, 401")),
            ("HTTP/1.1 500 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", .failed("status is 500, expected 200-299, 401")),
            ("HTTP/1.1 100 Continue\r\n\r\n", nil), ("HTTP/1.1 200 OK\r\nA: b\r\n", nil), ("HTTP/1", nil), ("", nil),
            ("SSH-2.0-x\r\n", .failed("the answer is not HTTP/1.1")),
            ("HTTP/2.0 200 OK\r\n", .failed("the answer is not HTTP/1.1")),
            ("HTTP/1.1 xyz\r\n\r\n", .failed("the answer is not HTTP/1.1")),
        ] as [(String, HealthVerdict?)], [1, 3, 1000])
    func statusIsJudged(answer: (text: String, verdict: HealthVerdict?), size: Int) throws {
        let exchange = try Self.exchange(Self.get)
        Self.feed(Array(answer.text.utf8), by: size, to: exchange)
        #expect(exchange.verdict == answer.verdict)
    }

    @Test func anUpgradeIsAsked() throws {
        let exchange = try Self.exchange(.webSocket(path: "/ws"), host: "a.example")
        let text = exchange.takeOutput().map { String(buffer: $0) } ?? ""
        #expect(text.hasPrefix("GET /ws HTTP/1.1\r\nHost: a.example\r\n"))
        for line in [
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: \(Self.key)", "Sec-WebSocket-Version: 13",
        ] {
            #expect(text.lowercased().contains("\r\n\(line.lowercased())\r\n"))
        }
    }

    private static let pong: [UInt8] = [0x8A, 6] + "sluice".utf8
    private static let masked: [UInt8] = [0x8A, 0x81, 0, 0, 0, 0, 1]

    @Test(
        arguments: [
            ([], nil, false),
            (pong, .passed, false),
            ([0x8A, 0], .passed, false),
            // Text, a fragment, and a ping come before it; a Close behind it.
            ([0x81, 2, 0x68, 0x69, 0x01, 1, 0x61, 0x89, 0] + pong + [0x88, 2, 3, 0xE8], .passed, true),
            ([0x82, 126, 1, 0] + [UInt8](repeating: 7, count: 256) + pong, .passed, false),
            ([0x82, 126, 1, 0] + [UInt8](repeating: 0x8A, count: 255), nil, false),
            (
                [0x88, 4, 3, 0xF5, 0x68, 0x69],
                .failed("the server closed the WebSocket with 1013 before it answered a ping"), true
            ),
            ([0x88, 0], .failed("the server closed the WebSocket with 1005 before it answered a ping"), true),
            ([0x88, 4, 3, 0xF5], nil, false),
            (
                masked,
                .failed("the server broke the WebSocket protocol: a frame is masked, or has a reserved bit set"), true
            ),
            (
                [0xCA, 0],
                .failed("the server broke the WebSocket protocol: a frame is masked, or has a reserved bit set"), true
            ),
            (
                [0x83, 0],
                .failed(
                    "the server broke the WebSocket protocol: opcode 0x3 is reserved, expected 0x0-0x2 or 0x8-0xA"),
                true
            ),
        ] as [([UInt8], HealthVerdict?, Bool)], [1, 5, 1000])
    func framesAreJudged(answer: (frames: [UInt8], verdict: HealthVerdict?, isOver: Bool), size: Int) throws {
        let exchange = try Self.exchange(.webSocket(path: "/ws"))
        _ = exchange.takeOutput()
        Self.feed(Array("\(Self.upgraded)\r\n".utf8), by: size, to: exchange)
        #expect(exchange.verdict == nil)
        // Masked with 0: as it is.
        #expect(exchange.takeOutput() == ByteBuffer(bytes: [0x89, 0x86, 0, 0, 0, 0] + "sluice".utf8))
        Self.feed(answer.frames, by: size, to: exchange)
        #expect(exchange.verdict == answer.verdict)
        #expect(exchange.isOver == answer.isOver)
        let close = answer.verdict == .passed ? ByteBuffer(bytes: [0x88, 0x82, 0, 0, 0, 0, 3, 0xE8]) : nil
        #expect(exchange.takeOutput() == close)
    }

    @Test("what comes in one piece with the 101 is read")
    func onePiece() throws {
        let exchange = try Self.exchange(.webSocket(path: "/ws"))
        Self.feed(Array("\(Self.upgraded)\r\n".utf8) + Self.pong, by: 10_000, to: exchange)
        #expect(exchange.verdict == .passed)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n\r\n", "status is 200, expected 101"),
        (
            upgraded.replacing("s3pP", with: "s3pQ") + "\r\n",
            "Sec-WebSocket-Accept is another value, of 28 bytes, expected the hash of Sec-WebSocket-Key"
        ),
        (
            "\(upgraded)Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            "the server chose an extension that the check did not offer"
        ),
        (
            "\(upgraded)Sec-WebSocket-Protocol: chat\r\n\r\n",
            "the server chose a subprotocol that the gateway did not offer (it offered none)"
        ),
    ])
    func whatIsNoUpgrade(answer: String, reason: String) throws {
        let exchange = try Self.exchange(.webSocket(path: "/ws"))
        Self.feed(Array(answer.utf8), by: 7, to: exchange)
        #expect(exchange.verdict == .failed(reason))
        #expect(exchange.isOver)
    }
}
