import GatewayConfig
import HTTPTypes
import Testing

@testable import GatewayPolicy

@Suite("A response as the client has to see it")
struct ResponseRestorationTests {
    static let strip = PathRewrite.stripPrefix("/chat")
    static let replace = PathRewrite.replacePrefix(from: "/a", to: "/b/c")

    static func restored(_ pairs: [(String, String)], by rewrite: PathRewrite?) -> [String] {
        var fields = HeaderFilterTests.fields(pairs)
        ResponseRestoration.apply(to: &fields, by: rewrite, host: "example.com")
        return HeaderFilterTests.lines(fields)
    }

    @Test(
        arguments: [
            ("/x", strip, "/chat/x"), ("/", strip, "/chat/"), ("x", strip, "x"),
            ("https://example.com/x?y#z", strip, "https://example.com/chat/x?y#z"),
            ("https://other.test/x", strip, "https://other.test/x"),
            ("/b/c/x", replace, "/a/x"), ("/b/cd", replace, "/b/cd"), ("/x", .path("/socket"), "/x"), ("/x", nil, "/x"),
        ] as [(String, PathRewrite?, String)], ["Location", "Content-Location"])
    func locations(row: (value: String, rewrite: PathRewrite?, expected: String), name: String) {
        #expect(Self.restored([(name, row.value)], by: row.rewrite) == ["\(name): \(row.expected)"])
    }

    @Test(
        arguments: [
            ("5; url=/x", "5; url=/chat/x"),
            ("5;url=/x", "5;url=/chat/x"),
            ("0;URL=/x?y=1#z", "0;URL=/chat/x?y=1#z"),
            ("5, Url = '/x'", "5, Url = '/chat/x'"),
            ("5; url=\"/x\"", "5; url=\"/chat/x\""),
            ("5; url=\"/x\" and more", "5; url=\"/chat/x\" and more"),
            ("5; url='/x", "5; url='/chat/x"),
            ("5 /x", "5 /chat/x"),
            ("5;/x", "5;/chat/x"),
            ("2.5; url=/x", "2.5; url=/chat/x"),
            ("5; url=https://example.com/x", "5; url=https://example.com/chat/x"),
            ("5; url=https://other.test/x", "5; url=https://other.test/x"),
            ("5; url=x", "5; url=x"), ("5; url=", "5; url="), ("5; url", "5; url"), ("5;", "5;"), ("5", "5"),
            ("", ""), ("/x", "/x"), ("url=/x", "url=/x"), ("5x;url=/x", "5x;url=/x"), ("5; urls=/x", "5; urls=/x"),
        ])
    func refresh(value: String, expected: String) {
        #expect(ResponseRestoration.restore(refresh: value, by: Self.strip, host: "example.com") == expected)
    }

    @Test(
        arguments: [
            ("a=1; Path=/", strip, "a=1; Path=/chat"),
            ("a=1; Path=/x", strip, "a=1; Path=/chat/x"),
            ("a=1; Path=/x/; HttpOnly; Secure", strip, "a=1; Path=/chat/x/; HttpOnly; Secure"),
            ("a=1;path=/", strip, "a=1;path=/chat"),
            ("a=1; PATH = /x ; Secure", strip, "a=1; PATH = /chat/x ; Secure"),
            ("a=1; Path=/x; Path=/y", strip, "a=1; Path=/chat/x; Path=/chat/y"),
            ("a=1", strip, "a=1"), ("a=1; HttpOnly", strip, "a=1; HttpOnly"), ("", strip, ""),
            ("a=1; Path", strip, "a=1; Path"), ("a=1; Path=", strip, "a=1; Path="),
            ("a=1; Path=x", strip, "a=1; Path=x"), ("a=1; Path=\"/\"", strip, "a=1; Path=\"/\""),
            // The name of a cookie, and its value, are the application's.
            ("path=/x; Domain=a.test", strip, "path=/x; Domain=a.test"), ("Path=/", strip, "Path=/"),
            ("a=path=/; Path=/", strip, "a=path=/; Path=/chat"), ("a=1; XPath=/", strip, "a=1; XPath=/"),
            ("a=1; Path=/b/c", replace, "a=1; Path=/a"), ("a=1; Path=/b/c/", replace, "a=1; Path=/a/"),
            ("a=1; Path=/b/c/x", replace, "a=1; Path=/a/x"), ("a=1; Path=/b/cd", replace, "a=1; Path=/b/cd"),
            // What takes in all of the server's prefix takes in all of the client's.
            ("a=1; Path=/b", replace, "a=1; Path=/a"), ("a=1; Path=/b/", replace, "a=1; Path=/a"),
            ("a=1; Path=/", replace, "a=1; Path=/"), ("a=1; Path=/x", replace, "a=1; Path=/x"),
            ("a=1; Path=/b/x", .replacePrefix(from: "/", to: "/b"), "a=1; Path=/x"),
            ("a=1; Path=/b", .replacePrefix(from: "/", to: "/b"), "a=1; Path=/"),
            ("a=1; Path=/b", .replacePrefix(from: "/", to: "/b/c"), "a=1; Path=/"),
            ("a=1; Path=/", .path("/socket"), "a=1; Path=/"), ("a=1; Path=/", .stripPrefix("/"), "a=1; Path=/"),
            ("a=1; Path=/", nil, "a=1; Path=/"),
        ] as [(String, PathRewrite?, String)])
    func cookies(value: String, rewrite: PathRewrite?, expected: String) {
        #expect(Self.restored([("Set-Cookie", value)], by: rewrite) == ["Set-Cookie: \(expected)"])
    }

    @Test func eachFieldOfANameIsRestoredInItsPlace() {
        let lines = Self.restored(
            [
                ("Set-Cookie", "a=1; Path=/"), ("Server", "/x"), ("Set-Cookie", "b=2"), ("Location", "/x"),
                ("Set-Cookie", "c=3; Path=/c"), ("Link", "</x>"),
            ], by: Self.strip)
        #expect(
            lines.filter { $0.hasPrefix("Set-Cookie") } == [
                "Set-Cookie: a=1; Path=/chat", "Set-Cookie: b=2", "Set-Cookie: c=3; Path=/chat/c",
            ])
        #expect(lines.contains("Server: /x"))
        #expect(lines.contains("Link: </x>"))
        #expect(lines.contains("Location: /chat/x"))
        #expect(lines.count == 6)
    }

    @Test("bytes that are no UTF-8 stay what they are (RFC 9110 §5.5)")
    func otherBytes() throws {
        let sent = [UInt8]("a=caf".utf8) + [0xE9, 0xFF] + [UInt8]("; Path=/r".utf8) + [0xE9]
        var fields = HTTPFields()
        fields.append(HTTPField(name: .setCookie, value: sent))
        fields.append(HTTPField(name: .location, value: [UInt8]("/".utf8) + [0xE9]))
        ResponseRestoration.apply(to: &fields, by: Self.strip, host: "example.com")
        func bytes(_ name: HTTPField.Name) -> [UInt8]? {
            fields[fields: name].first.map { $0.withUnsafeBytesOfValue { Array($0) } }
        }
        #expect(bytes(.setCookie) == [UInt8]("a=caf".utf8) + [0xE9, 0xFF] + [UInt8]("; Path=/chat/r".utf8) + [0xE9])
        #expect(bytes(.location) == [UInt8]("/chat/".utf8) + [0xE9])
    }
}
