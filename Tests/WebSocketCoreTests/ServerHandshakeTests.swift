import HTTPTypes
import Testing
import WebSocketCore

@Suite("The server's opening handshake (RFC 6455 §4.2)")
struct ServerHandshakeTests {
    typealias Field = (String, String)

    /// The request of §1.2, without the fields in `without`, with those in `adding` behind.
    static func request(
        _ method: HTTPRequest.Method = .get, authority: String? = "server.example.com", without: [String] = [],
        adding: [Field] = []
    ) -> HTTPRequest {
        let fields: [Field] = [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Origin", "http://example.com"), ("Sec-WebSocket-Protocol", "chat, superchat"),
            ("Sec-WebSocket-Version", "13"),
        ]
        var request = HTTPRequest(method: method, scheme: "http", authority: authority, path: "/chat")
        for (name, value) in fields.filter({ field in !without.contains(field.0) }) + adding {
            guard let name = HTTPField.Name(name) else { continue }
            request.headerFields.append(HTTPField(name: name, value: value))
        }
        return request
    }

    @Test("accepts the request of §1.2")
    func accept() {
        let request = Self.request(adding: [
            ("Sec-WebSocket-Extensions", "foo"), ("Sec-WebSocket-Extensions", "bar; x=1"),
        ])
        let expected = UpgradeRequest(
            request: request, key: "dGhlIHNhbXBsZSBub25jZQ==", subprotocols: ["chat", "superchat"],
            extensionOffers: [
                ExtensionOffer(name: "foo"), ExtensionOffer(name: "bar", parameters: [.init(name: "x", value: "1")]),
            ],
            origin: "http://example.com")
        #expect(ServerHandshake.judge(request) == .upgrade(expected))
    }

    static let accepted: [([String], [Field])] = [
        (["Origin", "Sec-WebSocket-Protocol"], []),
        (["Upgrade", "Connection"], [("upgrade", "WebSocket"), ("connection", "keep-alive, upgrade")]),
        (["Connection"], [("Connection", "keep-alive"), ("Connection", "Upgrade")]),
        (["Sec-WebSocket-Protocol"], [("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "b")]),
        (["Sec-WebSocket-Protocol"], [("Sec-WebSocket-Protocol", "Chat, chat")]),
        ([], [("Content-Length", "0")]),
        (["Sec-WebSocket-Version"], [("Sec-WebSocket-Version", " 13 ")]),
    ]

    @Test("accepts", arguments: accepted)
    func acceptVariant(without: [String], adding: [Field]) {
        guard case .upgrade = ServerHandshake.judge(Self.request(without: without, adding: adding)) else {
            Issue.record("\(ServerHandshake.judge(Self.request(without: without, adding: adding)))")
            return
        }
    }

    @Test(
        "leaves ordinary requests alone",
        arguments: [
            (["Upgrade"], []), (["Connection"], []), (["Upgrade"], [("Upgrade", "h2c")]),
            (["Connection"], [("Connection", "keep-alive")]), (["Upgrade", "Connection"], []),
        ] as [([String], [Field])])
    func notWebSocket(without: [String], adding: [Field]) {
        #expect(ServerHandshake.judge(Self.request(without: without, adding: adding)) == .notWebSocket)
        #expect(ServerHandshake.judge(Self.request(.post, without: without, adding: adding)) == .notWebSocket)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var without: [String] = []
        var adding: [Field] = []
        var kind = HandshakeRefusal.Kind.badRequest
        var says: String
    }

    static let refusals: [Refusal] = [
        Refusal(testDescription: "no key", without: ["Sec-WebSocket-Key"], says: "Sec-WebSocket-Key came 0 times"),
        Refusal(
            testDescription: "two keys", adding: [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")],
            says: "Sec-WebSocket-Key came 2 times"),
        Refusal(
            testDescription: "short key", without: ["Sec-WebSocket-Key"], adding: [("Sec-WebSocket-Key", "c2hvcnQ=")],
            says: "Sec-WebSocket-Key is 8 bytes, expected 24, which are 16 bytes in Base64"),
        Refusal(
            testDescription: "no version", without: ["Sec-WebSocket-Version"], kind: .unsupportedVersion,
            says: "missing, expected 13"),
        Refusal(
            testDescription: "version 8", without: ["Sec-WebSocket-Version"], adding: [("Sec-WebSocket-Version", "8")],
            kind: .unsupportedVersion, says: "\"8\", expected 13"),
        Refusal(
            testDescription: "versions 13 and 8", adding: [("Sec-WebSocket-Version", "8")], kind: .unsupportedVersion,
            says: "there 2 times, expected 13"),
        Refusal(
            testDescription: "a list of versions", without: ["Sec-WebSocket-Version"],
            adding: [("Sec-WebSocket-Version", "13, 8")], kind: .unsupportedVersion,
            says: "another value, of 5 bytes, expected 13"),
        Refusal(
            testDescription: "version 013", without: ["Sec-WebSocket-Version"],
            adding: [("Sec-WebSocket-Version", "013")], kind: .unsupportedVersion, says: "another value, of 3 bytes"),
        Refusal(
            testDescription: "the drafts' keys", without: ["Sec-WebSocket-Key", "Sec-WebSocket-Version"],
            adding: [("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5"), ("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00")],
            kind: .obsoleteKey1Key2, says: "draft"),
        Refusal(
            testDescription: "subprotocol twice", without: ["Sec-WebSocket-Protocol"],
            adding: [("Sec-WebSocket-Protocol", "a, b, a")], says: "names a subprotocol twice, expected each once"),
        Refusal(
            testDescription: "subprotocol twice, on two lines", adding: [("Sec-WebSocket-Protocol", "chat")],
            says: "names a subprotocol twice, expected each once"),
        Refusal(
            testDescription: "subprotocol that is no token", without: ["Sec-WebSocket-Protocol"],
            adding: [("Sec-WebSocket-Protocol", "a b")], says: "Sec-WebSocket-Protocol: expected ','"),
        Refusal(
            testDescription: "extension without a name", adding: [("Sec-WebSocket-Extensions", "; a")],
            says: "Sec-WebSocket-Extensions: expected an extension name, found ';' at byte 0"),
        Refusal(testDescription: "a body", adding: [("Content-Length", "5")], says: "Content-Length is not 0"),
        Refusal(
            testDescription: "a body, said to be none first",
            adding: [("Content-Length", "0"), ("Content-Length", "5")],
            says: "Content-Length is not 0"),
        Refusal(
            testDescription: "a chunked body", adding: [("Transfer-Encoding", "chunked")], says: "Transfer-Encoding"),
        Refusal(testDescription: "two origins", adding: [("Origin", "http://b.example")], says: "Origin came 2 times"),
    ]

    @Test("refuses", arguments: refusals)
    func refuse(refusal: Refusal) throws {
        let outcome = ServerHandshake.judge(Self.request(without: refusal.without, adding: refusal.adding))
        guard case .refused(let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.kind == refusal.kind)
        #expect(reason.message.contains(refusal.says), "\(reason.message)")
        #expect(!reason.message.contains("\n"))
    }

    @Test("refuses a method that is not GET", arguments: [.post, .head, .connect, .options] as [HTTPRequest.Method])
    func method(method: HTTPRequest.Method) {
        guard case .refused(let reason) = ServerHandshake.judge(Self.request(method)) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.kind == .badRequest && reason.message.contains(method.rawValue))
    }

    @Test("refuses a request for no host", arguments: [nil, ""])
    func host(authority: String?) {
        guard case .refused(let reason) = ServerHandshake.judge(Self.request(authority: authority)) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.kind == .badRequest && reason.message.contains("Host"))
    }

    @Test("says only the beginning of what the client sent")
    func longValue() {
        let request = Self.request(
            without: ["Sec-WebSocket-Key"], adding: [("Sec-WebSocket-Key", String(repeating: "A", count: 10_000))])
        guard case .refused(let reason) = ServerHandshake.judge(request) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.message.utf8.count < 200)
    }

    @Test("answers with the fields of §4.2.2")
    func response() {
        let plain = ServerHandshake.responseFields(key: "dGhlIHNhbXBsZSBub25jZQ==", subprotocol: nil, extensions: nil)
        #expect(
            plain == [
                .upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ])
        let full = ServerHandshake.responseFields(
            key: "dGhlIHNhbXBsZSBub25jZQ==", subprotocol: "chat", extensions: "permessage-deflate")
        #expect(full[.secWebSocketProtocol] == "chat")
        #expect(full[.secWebSocketExtensions] == "permessage-deflate")
    }

    @Test("accepts an extended CONNECT, which has no key (RFC 8441 §5)")
    func extendedConnect() {
        var request = Self.request(.connect, without: ["Upgrade", "Connection", "Sec-WebSocket-Key"])
        #expect(ServerHandshake.judgeExtendedConnect(request) == .notWebSocket)
        request.extendedConnectProtocol = "websocket"
        let expected = UpgradeRequest(
            request: request, subprotocols: ["chat", "superchat"], origin: "http://example.com")
        #expect(ServerHandshake.judgeExtendedConnect(request) == .upgrade(expected))
        request.headerFields[.secWebSocketVersion] = "8"
        guard case .refused(let reason) = ServerHandshake.judgeExtendedConnect(request) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.kind == .unsupportedVersion)
    }

    @Test(
        ":protocol is one protocol, no list (RFC 8441 §4)",
        arguments: [
            ("websocket", true), ("WebSocket", true), ("h2c, websocket", false), ("websocket,", false),
            (",websocket", false), ("", false), ("connect-udp", false),
        ])
    func protocolOfExtendedConnect(name: String, isWebSocket: Bool) {
        var request = Self.request(.connect, without: ["Upgrade", "Connection", "Sec-WebSocket-Key"])
        request.extendedConnectProtocol = name
        #expect((ServerHandshake.judgeExtendedConnect(request) != .notWebSocket) == isWebSocket)
    }
}
