import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("What a request must be before it is routed")
struct CheckedRequestTests {
    static func check(
        path: String? = "/", authority: String = "example.com", scheme: String = "https",
        fields: [(String, String)] = [], underscores: Underscores = .drop, encodedSlashes: EncodedSlashes = .pass
    ) throws(Refusal) -> CheckedRequest {
        let request = HTTPRequest(
            method: .get, scheme: scheme, authority: authority, path: path,
            headerFields: HeaderFilterTests.fields(fields))
        let listener = ListenerConfiguration(
            name: "l", address: .tcp(host: "a", port: 1), underscores: underscores, encodedSlashes: encodedSlashes)
        return try CheckedRequest(request, on: listener)
    }

    static let folded = [("X_Forwarded_For", "1.1.1.1"), ("Accept", "*/*"), ("X-Remote.User", "admin")]

    @Test func fieldsThatServersTakeForOthersAreDropped() throws {
        let checked = try Self.check(fields: Self.folded)
        #expect(HeaderFilterTests.lines(checked.request.headerFields) == ["Accept: */*"])
    }

    @Test func orTheyPass() throws {
        let checked = try Self.check(fields: Self.folded, underscores: .pass)
        #expect(checked.request.headerFields.count == 3)
    }

    @Test func orTheyAreRefused() {
        let reason = "field name X_Forwarded_For has other characters than letters, digits and -"
        #expect(throws: Refusal.badRequest(reason)) {
            try Self.check(fields: Self.folded, underscores: .reject)
        }
        #expect(throws: Never.self) { try Self.check(fields: [("X-A", "a_b")], underscores: .reject) }
    }

    @Test(
        "Host beside :authority names the same host and port",
        arguments: [
            ("example.com:443", "example.com", "https", true), ("example.com", "EXAMPLE.com:443", "https", true),
            ("example.com:80", "example.com", "http", true), ("example.com:80", "example.com", "https", false),
            ("example.com", "example.org", "https", false), ("example.com", "", "https", false),
            ("example.com", "[example.com]", "https", false),
        ])
    func host(authority: String, host: String, scheme: String, isSame: Bool) throws {
        do throws(Refusal) {
            let checked = try Self.check(authority: authority, scheme: scheme, fields: [("host", host)])
            #expect(isSame)
            #expect(checked.request.headerFields.isEmpty)
            #expect(checked.request.authority == authority)
        } catch {
            #expect(!isSame)
            #expect(error == .badRequest(":authority and host name different hosts"))
        }
    }

    @Test(arguments: [
        "/é", "/\u{FFFD}", "/%zz", "/%00", "/../a", "*", "", "a", "http://example.com/", "/a?\u{E9}", "/a b",
    ])
    func pathsThatAreNone(path: String) {
        #expect { try Self.check(path: path) } throws: { ($0 as? Refusal)?.status == 400 }
    }

    @Test func aRequestWithoutPathIsNone() {
        #expect { try Self.check(path: nil) } throws: { ($0 as? Refusal)?.status == 400 }
    }

    @Test(arguments: ["/a%2Fb", "/a%2fb?x", "/a%5cb"])
    func encodedSlashes(path: String) throws {
        #expect(try Self.check(path: path).target.text == path)
        #expect(throws: Refusal.badRequest("path has %2F or %5C, which this listener refuses")) {
            try Self.check(path: path, encodedSlashes: .reject)
        }
        #expect(throws: Never.self) { try Self.check(path: "/a?b=%2F%5C", encodedSlashes: .reject) }
    }

    @Test(arguments: ["[guard.test]", "a%zz", "u@h"])
    func authorities(authority: String) {
        #expect(
            throws: Refusal.badRequest("Host or :authority is not an authority, expected a host and an optional port")
        ) {
            try Self.check(authority: authority)
        }
    }
}
