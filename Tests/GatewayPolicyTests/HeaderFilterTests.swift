import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Header fields from leg to leg (RFC 9110 §7.6.1)")
struct HeaderFilterTests {
    static func fields(_ pairs: [(String, String)]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in pairs {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return fields
    }

    static func lines(_ fields: HTTPFields) -> [String] {
        fields.map { "\($0.name.rawName): \($0.value)" }
    }

    @Test func hopByHopFieldsStayBehind() {
        let request = Self.fields([
            ("Host", "example.com"), ("Connection", "keep-alive, Upgrade, X-Internal"), ("Upgrade", "websocket"),
            ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close"), ("Proxy-Authorization", "Basic x"),
            ("TE", "trailers"), ("Trailer", "X"), ("Transfer-Encoding", "chunked"), ("x-internal", "1"),
            ("User-Agent", "test"),
        ])
        #expect(Self.lines(HeaderFilter.request(request)) == ["Host: example.com", "User-Agent: test"])
    }

    @Test func theHandshakesFieldsStayBehind() {
        let request = Self.fields([
            ("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "13"), ("sec-websocket-extensions", "y"),
            ("Sec-WebSocket-Protocol", "chat"), ("Origin", "https://example.com"), ("Content-Length", "0"),
        ])
        #expect(Self.lines(HeaderFilter.request(request)) == ["Origin: https://example.com"])
    }

    @Test func theRestKeepsOrderAndCase() {
        let lines = ["cOOkie: a=1", "X-b: 1", "Accept: */*", "x-B: 2", "COOKIE: b=2; c=3"]
        let request = Self.fields([
            ("cOOkie", "a=1"), ("X-b", "1"), ("Accept", "*/*"), ("x-B", "2"), ("COOKIE", "b=2; c=3"),
        ])
        #expect(Self.lines(HeaderFilter.request(request)) == lines)
    }

    @Test(arguments: ["Host", "Origin", "Cookie", "Authorization", "X-Forwarded-For", "Forwarded"])
    func aClientCanNotTakeAwayWhatServersTrustBy(name: String) {
        let request = Self.fields([("Connection", "Upgrade ,\t\(name.lowercased())"), (name, "value")])
        #expect(Self.lines(HeaderFilter.request(request)) == ["\(name): value"])
    }

    @Test func editsRemoveFirstAndThenSet() {
        let request = Self.fields([("Cookie", "a=1"), ("X-Env", "dev"), ("Accept", "*/*"), ("x-env", "test")])
        let edits = HeaderEdits(set: ["x-env": "prod", "x-new": "1", "cookie": "b=2; c=3"], remove: ["cookie"])
        let expected = ["x-env: prod", "Accept: */*", "cookie: b=2; c=3", "x-new: 1"]
        #expect(Self.lines(HeaderFilter.request(request, edits: edits)) == expected)
    }

    @Test func editsReachWhatServersTakeForTheField() {
        let request = Self.fields([
            ("X_Remote_User", "admin"), ("X-Env", "dev"), ("X_Env", "test"), ("X.Env", "test"), ("Accept", "*/*"),
        ])
        let edits = HeaderEdits(set: ["x-env": "prod"], remove: ["x-remote-user"])
        #expect(Self.lines(HeaderFilter.request(request, edits: edits)) == ["x-env: prod", "Accept: */*"])
        let answer = Self.lines(HeaderFilter.response(request, edits: edits, isHandshake: false))
        #expect(answer == ["X_Remote_User: admin", "x-env: prod", "X_Env: test", "X.Env: test", "Accept: */*"])
    }

    @Test func whatServersTakeForTheHandshakesFieldsStaysBehind() {
        let request = Self.fields([
            ("Sec_WebSocket_Protocol", "x"), ("Content_Length", "5"), ("Proxy_Authorization", "x"), ("X_A", "1"),
        ])
        #expect(Self.lines(HeaderFilter.request(request)) == ["X_A: 1"])
    }

    @Test func theAnswerToAHandshake() {
        let response = Self.fields([
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "x"),
            ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Server", "test"),
        ])
        let filtered = HeaderFilter.response(response, edits: HeaderEdits(remove: ["server"]), isHandshake: true)
        #expect(Self.lines(filtered) == ["Set-Cookie: a=1", "Set-Cookie: b=2"])
    }

    @Test func aRefusalGoesThroughWhole() {
        let response = Self.fields([
            ("Content-Length", "5"), ("Sec-WebSocket-Version", "13, 8"), ("Connection", "close"),
            ("WWW-Authenticate", "Basic"), ("Location", "/login"),
        ])
        let expected = [
            "Content-Length: 5", "Sec-WebSocket-Version: 13, 8", "WWW-Authenticate: Basic", "Location: /login",
        ]
        #expect(Self.lines(HeaderFilter.response(response, isHandshake: false)) == expected)
    }

    @Test func editsThatAreNoFieldNamesChangeNothing() {
        let request = Self.fields([("Accept", "*/*")])
        let edits = HeaderEdits(set: ["not a name": "x"], remove: ["", "also not"])
        #expect(Self.lines(HeaderFilter.request(request, edits: edits)) == ["Accept: */*"])
    }
}
