import HTTPTypes
import Testing
import WebSocketCore

@Suite("The drafts' opening handshakes")
struct LegacyHandshakeTests {
    typealias Field = (String, String)

    static let hixie: [Field] = [
        ("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00"), ("Sec-WebSocket-Protocol", "sample"),
        ("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5"), ("Origin", "http://example.com"),
    ]
    static let version8: [Field] = [
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Origin", "http://example.com"),
        ("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Protocol", "chat, superchat"),
    ]

    static func request(
        _ fields: [Field], without: [String] = [], adding: [Field] = [], method: HTTPRequest.Method = .get,
        authority: String? = "example.com"
    ) -> HTTPRequest {
        var request = HTTPRequest(method: method, scheme: "http", authority: authority, path: "/demo?a=b")
        for (name, value) in fields.filter({ field in !without.contains(field.0) }) + adding {
            guard let name = HTTPField.Name(name) else { continue }
            request.headerFields.append(HTTPField(name: name, value: value))
        }
        return request
    }

    private static func judged(_ request: HTTPRequest) throws -> (LegacyDraft, UpgradeRequest) {
        let judgement = try #require(LegacyHandshake.judge(request))
        return (judgement.draft, try judgement.result.get())
    }

    @Test("hixie-76 is what its two keys are of")
    func hixie76() throws {
        let (draft, upgrade) = try Self.judged(Self.request(Self.hixie))
        #expect(draft == .hixie76 && upgrade.draft == .hixie76)
        #expect(upgrade.challenge == HixieChallenge(first: 829_309_203, second: 259_970_620))
        #expect(upgrade.origin == "http://example.com" && upgrade.subprotocols == ["sample"] && upgrade.key == nil)
    }

    @Test("hixie-76 has spaces between subprotocols")
    func spaces() throws {
        let request = Self.request(
            Self.hixie, without: ["Sec-WebSocket-Protocol"], adding: [("Sec-WebSocket-Protocol", "a b  c")])
        #expect(try Self.judged(request).1.subprotocols == ["a", "b", "c"])
    }

    @Test("the answer to hixie-76", arguments: [(false, "ws"), (true, "wss")])
    func answer(isSecure: Bool, scheme: String) throws {
        let upgrade = try Self.judged(Self.request(Self.hixie)).1
        let fields = LegacyHandshake.hixieResponseFields(to: upgrade, subprotocol: "sample", isSecure: isSecure)
        #expect(
            fields.map { "\($0.name.rawName): \($0.value)" } == [
                "Upgrade: WebSocket", "Connection: Upgrade", "Sec-WebSocket-Origin: http://example.com",
                "Sec-WebSocket-Location: \(scheme)://example.com/demo?a=b", "Sec-WebSocket-Protocol: sample",
            ])
    }

    @Test(
        "versions 7 and 8 have their origin in a field of its own",
        arguments: [("7", LegacyDraft.version7), ("8", .version8)])
    func numbered(version: String, expected: LegacyDraft) throws {
        let request = Self.request(
            Self.version8, without: ["Sec-WebSocket-Version"],
            adding: [
                ("Sec-WebSocket-Version", version),
                ("Sec-WebSocket-Extensions", "permessage-deflate, deflate-stream, x-webkit-deflate-frame"),
            ])
        let (draft, upgrade) = try Self.judged(request)
        #expect(draft == expected && upgrade.draft == expected)
        #expect(upgrade.key == "dGhlIHNhbXBsZSBub25jZQ==" && upgrade.challenge == nil)
        #expect(upgrade.origin == "http://example.com")
        #expect(upgrade.request.headerFields[values: .origin] == ["http://example.com"])
        #expect(!upgrade.request.headerFields.contains { $0.name.canonicalName == "sec-websocket-origin" })
        #expect(upgrade.subprotocols == ["chat", "superchat"])
        #expect(upgrade.extensionOffers.map(\.name) == ["deflate-stream", "x-webkit-deflate-frame"])
    }

    @Test("an Origin beside that field counts, and says the same")
    func bothOrigins() throws {
        let same = Self.request(Self.version8, adding: [("Origin", "http://example.com")])
        #expect(try Self.judged(same).1.origin == "http://example.com")
        let alone = Self.request(
            Self.version8, without: ["Sec-WebSocket-Origin"], adding: [("Origin", "http://evil.example")])
        #expect(try Self.judged(alone).1.origin == "http://evil.example")
        #expect(try Self.judged(Self.request(Self.version8, without: ["Sec-WebSocket-Origin"])).1.origin == nil)
    }

    @Test(
        "versions that are none of the drafts'",
        arguments: [
            [], [("Sec-WebSocket-Version", "6")], [("Sec-WebSocket-Version", "13")],
            [("Sec-WebSocket-Version", "hixie-76")],
            [("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Version", "8")],
            [("Sec-WebSocket-Version", "8, 7")],
        ] as [[Field]])
    func others(fields: [Field]) {
        let request = Self.request(Self.version8, without: ["Sec-WebSocket-Version"], adding: fields)
        #expect(LegacyHandshake.judge(request) == nil)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var request: HTTPRequest
        var says: String
    }

    static let refused: [Refused] = [
        .init(
            testDescription: "one key", request: request(hixie, without: ["Sec-WebSocket-Key2"]),
            says: "Sec-WebSocket-Key2 came 0 times"),
        .init(
            testDescription: "a key twice", request: request(hixie, adding: [("Sec-WebSocket-Key1", "1 ")]),
            says: "Sec-WebSocket-Key1 came 2 times"),
        .init(
            testDescription: "a key without spaces",
            request: request(hixie, without: ["Sec-WebSocket-Key1"], adding: [("Sec-WebSocket-Key1", "12")]),
            says: "Sec-WebSocket-Key1 is not a key"),
        .init(
            testDescription: "two versions at once", request: request(hixie, adding: [("Sec-WebSocket-Version", "8")]),
            says: "those of one version"),
        .init(
            testDescription: "two origins", request: request(hixie, adding: [("Origin", "http://b")]),
            says: "Origin came 2 times"),
        .init(testDescription: "POST", request: request(hixie, method: .post), says: "is a GET"),
        .init(testDescription: "no host", request: request(hixie, authority: nil), says: "Host is missing"),
        .init(
            testDescription: "a body", request: request(hixie, adding: [("Content-Length", "8")]), says: "no body"),
        .init(
            testDescription: "origins that differ", request: request(version8, adding: [("Origin", "http://b")]),
            says: "different origins"),
        .init(
            testDescription: "version 8 without a key", request: request(version8, without: ["Sec-WebSocket-Key"]),
            says: "Sec-WebSocket-Key came 0 times"),
    ]

    @Test("what breaks a draft's rules", arguments: refused)
    func refuse(example: Refused) throws {
        let judgement = try #require(LegacyHandshake.judge(example.request))
        guard case .failure(let refusal) = judgement.result else {
            Issue.record("expected a refusal")
            return
        }
        #expect(refusal.kind == .badRequest)
        #expect(refusal.message.contains(example.says), "\(refusal.message)")
    }
}
