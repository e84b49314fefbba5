import HTTPTypes
import Testing
import WebSocketCore

@Suite("The client's opening handshake (RFC 6455 §4.1)")
struct ClientHandshakeTests {
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    static func answer(without: HTTPField.Name? = nil, adding: [(HTTPField.Name, String)] = []) -> HTTPFields {
        var fields: HTTPFields = [
            .upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ]
        if let without { fields[without] = nil }
        for (name, value) in adding { fields.append(HTTPField(name: name, value: value)) }
        return fields
    }

    @Test("asks with the fields of §4.1")
    func request() {
        #expect(
            ClientHandshake.requestFields(
                key: Self.key, subprotocols: ["chat", "superchat"],
                extensions: [
                    ExtensionOffer(name: "a", parameters: [.init(name: "b", value: "1")]), ExtensionOffer(name: "c"),
                ])
                == [
                    .upgrade: "websocket", .connection: "Upgrade", .secWebSocketKey: Self.key,
                    .secWebSocketVersion: "13", .secWebSocketProtocol: "chat, superchat",
                    .secWebSocketExtensions: "a; b=1, c",
                ])
        #expect(ClientHandshake.requestFields(key: nil) == [.secWebSocketVersion: "13"])
    }

    @Test("accepts the answer of §1.2")
    func accept() throws {
        let plain = try ClientHandshake.verify(
            status: 101, fields: Self.answer(), key: Self.key, offeredSubprotocols: ["chat"])
        #expect(plain.subprotocol == nil && plain.extensions == [])
        let fields = Self.answer(adding: [
            (.secWebSocketProtocol, "chat"), (.secWebSocketExtensions, "a"), (.secWebSocketExtensions, "b; c=1"),
        ])
        let full = try ClientHandshake.verify(
            status: 101, fields: fields, key: Self.key, offeredSubprotocols: ["superchat", "chat"])
        #expect(full.subprotocol == "chat")
        #expect(full.extensions.map(\.description) == ["a", "b; c=1"])
    }

    @Test("takes Upgrade and Connection in any case")
    func folding() throws {
        var fields = Self.answer()
        fields[.upgrade] = "WebSocket"
        fields[.connection] = "keep-alive, upgrade"
        _ = try ClientHandshake.verify(status: 101, fields: fields, key: Self.key, offeredSubprotocols: [])
    }

    struct Violation: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var status = 101
        var without: HTTPField.Name?
        var adding: [(HTTPField.Name, String)] = []
        var says: String
    }

    static let violations: [Violation] = [
        Violation(testDescription: "another status", status: 200, says: "status is 200, expected 101"),
        Violation(testDescription: "no Upgrade", without: .upgrade, says: "Upgrade is missing"),
        Violation(
            testDescription: "another Upgrade", without: .upgrade, adding: [(.upgrade, "h2c")],
            says: "Upgrade is \"h2c\""),
        Violation(
            testDescription: "a list of protocols", without: .upgrade, adding: [(.upgrade, "h2c, websocket")],
            says: "Upgrade is another value, of 14 bytes, expected websocket"),
        Violation(
            testDescription: "an empty element beside it", without: .upgrade, adding: [(.upgrade, "websocket,")],
            says: "Upgrade is another value, of 10 bytes, expected websocket"),
        Violation(
            testDescription: "two Upgrade lines", adding: [(.upgrade, "h2c")],
            says: "Upgrade is there 2 times, expected websocket"),
        Violation(
            testDescription: "websocket twice", adding: [(.upgrade, "websocket")],
            says: "Upgrade is there 2 times, expected websocket"),
        Violation(testDescription: "no Connection", without: .connection, says: "Connection is missing"),
        Violation(testDescription: "no Accept", without: .secWebSocketAccept, says: "Sec-WebSocket-Accept is missing"),
        Violation(
            testDescription: "wrong Accept", without: .secWebSocketAccept,
            adding: [(.secWebSocketAccept, "s3pplmbitxaq9kygzzhzrbk+xoo=")], says: "Sec-WebSocket-Accept is"),
        Violation(
            testDescription: "Accept twice", adding: [(.secWebSocketAccept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")],
            says: "Sec-WebSocket-Accept is"),
        Violation(
            testDescription: "subprotocol not offered", adding: [(.secWebSocketProtocol, "other")],
            says: "the server chose a subprotocol that the gateway did not offer (it offered 2)"),
        Violation(
            testDescription: "subprotocol in another case", adding: [(.secWebSocketProtocol, "Chat")],
            says: "the server chose a subprotocol that the gateway did not offer (it offered 2)"),
        Violation(
            testDescription: "several subprotocols", adding: [(.secWebSocketProtocol, "chat, superchat")],
            says: "the server chose a subprotocol that the gateway did not offer (it offered 2)"),
        Violation(
            testDescription: "several subprotocol lines",
            adding: [(.secWebSocketProtocol, "chat"), (.secWebSocketProtocol, "chat")],
            says: "Sec-WebSocket-Protocol is there 2 times, expected one of those that the gateway offered"),
        Violation(
            testDescription: "an Upgrade that may be a secret", without: .upgrade, adding: [(.upgrade, "s3cret")],
            says: "Upgrade is another value, of 6 bytes, expected websocket"),
        Violation(
            testDescription: "extensions that cannot be read", adding: [(.secWebSocketExtensions, "a;;b")],
            says: "Sec-WebSocket-Extensions: expected a parameter name"),
    ]

    @Test("refuses", arguments: violations)
    func refuse(violation: Violation) throws {
        let fields = Self.answer(without: violation.without, adding: violation.adding)
        let error = try #require(throws: AnswerViolation.self) {
            try ClientHandshake.verify(
                status: violation.status, fields: fields, key: Self.key, offeredSubprotocols: ["chat", "superchat"])
        }
        #expect(error.message.contains(violation.says), "\(error)")
        // Offers and choices may be tokens.
        for value in ["Chat", "superchat", "s3cret", "s3pp"] {
            #expect(!error.message.contains(value), "\(error)")
        }
    }

    @Test("refuses a subprotocol when none was offered")
    func noneOffered() throws {
        let error = try #require(throws: AnswerViolation.self) {
            try ClientHandshake.verify(
                status: 101, fields: Self.answer(adding: [(.secWebSocketProtocol, "chat")]), key: Self.key,
                offeredSubprotocols: [])
        }
        #expect(error.message.contains("did not offer (it offered none)"))
    }

    @Test("over HTTP/2, wants a 2xx and no Accept (RFC 8441 §5)")
    func extendedConnect() throws {
        let answer = try ClientHandshake.verifyExtendedConnect(
            status: 200, fields: [.secWebSocketProtocol: "chat"], offeredSubprotocols: ["chat"])
        #expect(answer.subprotocol == "chat")
        #expect(throws: AnswerViolation.self) {
            try ClientHandshake.verifyExtendedConnect(status: 101, fields: [:], offeredSubprotocols: [])
        }
    }
}
