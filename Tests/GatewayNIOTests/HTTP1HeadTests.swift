import GatewayPolicy
import HTTPTypes
import NIOHTTP1
import Testing

@testable import GatewayNIO

@Suite("Heads of HTTP/1.1 requests")
struct HTTP1HeadTests {
    private func request(
        _ uri: String = "/chat", version: HTTPVersion = .http1_1, method: HTTPMethod = .GET,
        headers: [(String, String)] = [("Host", "example.com")]
    ) throws(Refusal) -> HTTPRequest {
        try HTTP1Head.request(
            from: HTTPRequestHead(version: version, method: method, uri: uri, headers: HTTPHeaders(headers)),
            scheme: "https")
    }

    /// The reason of a 400; nil when the request was accepted.
    private func refusal(
        _ uri: String = "/chat", version: HTTPVersion = .http1_1, method: HTTPMethod = .GET,
        headers: [(String, String)] = [("Host", "example.com")]
    ) -> String? {
        do {
            _ = try request(uri, version: version, method: method, headers: headers)
            return nil
        } catch .badRequest(let reason) {
            return reason
        } catch {
            return "another refusal: \(error)"
        }
    }

    // MARK: Request targets (RFC 9112 §3.2)

    @Test(
        "a path, or an absolute URL for the same host, is a target",
        arguments: [
            ("/", "/"), ("/chat?room=a&room=b", "/chat?room=a&room=b"), ("/a%2Fb/../c;p=1", "/a%2Fb/../c;p=1"),
            ("//double", "//double"), ("/?", "/?"), ("/a:b@c", "/a:b@c"),
            ("http://example.com/chat?x=1", "/chat?x=1"), ("WSS://EXAMPLE.com/chat", "/chat"),
            ("ws://example.com", "/"), ("https://example.com?x=1", "/?x=1"),
            ("http://example.com/http://other/", "/http://other/"),
        ])
    func targets(uri: String, path: String) throws {
        let request = try request(uri)
        #expect(request.path == path)
        #expect(request.authority == "example.com")
        #expect(request.scheme == "https")
    }

    @Test(
        "nothing else is a target",
        arguments: [
            "", "*", "chat", "example.com:443", "ftp://example.com/", "://example.com/", "http:/example.com/", "?x=1",
        ])
    func otherForms(uri: String) {
        #expect(refusal(uri) == "request target is neither a path nor an absolute URL")
    }

    @Test(
        "an absolute URL for another host than Host's is refused",
        arguments: [
            "http://other.example/", "http://example.com:8080/", "http:///chat", "http://", "http://user@example.com/",
            "http://example.com.evil.example/",
        ])
    func otherHost(uri: String) {
        #expect(refusal(uri) == "request target and Host name different hosts")
    }

    @Test(
        "white space, control characters and fragments are in no target",
        arguments: ["/a b", "/a\tb", "/a\u{0}b", "/a\r\nX: y", "/a#fragment", "/a\u{7F}"])
    func charactersOfTargets(uri: String) {
        #expect(refusal(uri) == "request target has a character that no target may have")
    }

    @Test(
        "a port that is left out is the scheme's (RFC 9110 §4.2.3)",
        arguments: [
            ("ws://h:80/x", "h", true), ("ws://h/x", "h:80", true), ("https://h:443/x", "H", true),
            ("wss://h/x", "h:443", true), ("http://h:443/x", "h", false), ("wss://h:80/x", "h", false),
            ("ws://h/x", "h:8080", false), ("ws://[h]/x", "h", false),
        ])
    func defaultPorts(uri: String, host: String, isSame: Bool) {
        let expected = isSame ? nil : "request target and Host name different hosts"
        #expect(refusal(uri, headers: [("Host", host)]) == expected)
    }

    // MARK: Host (RFC 9112 §3.2, RFC 9110 §7.2)

    @Test(
        "an authority is kept as it was sent",
        arguments: [
            "example.com", "EXAMPLE.com:8443", "127.0.0.1", "[::1]:8080", "a_b.example", "a.example.",
            "xn--bcher-kva.ch",
            "",
        ])
    func authority(host: String) throws {
        #expect(try request(headers: [("Host", host)]).authority == host)
    }

    @Test(
        "what is no authority is refused",
        arguments: [
            "a b", "a/b", "user@example.com", "a,b", "a\u{0}", "bücher.ch", "a?b", "a#b", "a\\b", "a\"b", "a:80:80",
            "a:http", "::1", "[::1", "[::1]80", "[[::1]]", "a]", "a[b]:80",
            "[guard.test]", "[]", "[zz::1]", "[fe80::1%25eth0]", "a%zz", "%", "%61.example", ":80", "a:65536", "a..b",
        ])
    func noAuthority(host: String) {
        #expect(refusal(headers: [("Host", host)]) == "Host is not an authority, expected a host and an optional port")
    }

    @Test(
        "white space around a value is no part of it (RFC 9112 §5.1)", arguments: ["v", "v ", " v", "\tv \t"])
    func whitespace(value: String) throws {
        let request = try request(
            headers: [("Host", value), ("X-A", value), ("X-Empty", value.replacing("v", with: ""))])
        #expect(request.authority == "v")
        #expect(request.headerFields.map(\.value) == ["v", ""])
    }

    @Test("Host comes once, and may be missing in HTTP 1.0 alone")
    func countOfHosts() throws {
        #expect(refusal(headers: [("Host", "a"), ("host", "a")]) == "Host came 2 times, expected once")
        #expect(refusal(headers: []) == "Host is missing")
        #expect(try request(version: .http1_0, headers: []).authority == "")
    }

    @Test("HTTP 1.0 can't switch protocols: its Upgrade is ignored")
    func upgradeOfHTTP10() throws {
        let fields = [("Host", "a"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
        #expect(try request(version: .http1_0, headers: fields).headerFields[.upgrade] == nil)
        #expect(try request(version: .http1_1, headers: fields).headerFields[.upgrade] == "websocket")
    }

    @Test("other versions of HTTP are refused", arguments: [(0, 9), (1, 2), (2, 0), (9, 9)])
    func versions(major: Int, minor: Int) {
        #expect(
            refusal(version: HTTPVersion(major: major, minor: minor))
                == "HTTP version is \(major).\(minor), expected 1.1")
    }

    // MARK: Where a body ends (RFC 9112 §6)

    @Test("chunked is a transfer coding", arguments: ["chunked", "Chunked", "CHUNKED", "chunked ", " \tchunked\t"])
    func chunked(coding: String) {
        #expect(refusal(method: .POST, headers: [("Host", "a"), ("Transfer-Encoding", coding)]) == nil)
    }

    @Test(
        "any other transfer coding is refused",
        arguments: [
            ["gzip, chunked"], ["identity"], ["xchunked"], [""], ["chunked, chunked"], ["chunked", "chunked"],
            ["chunked;a=b"], ["chun\u{212A}ed"], ["\u{0B}chunked"],
        ])
    func otherCodings(values: [String]) {
        #expect(
            refusal(method: .POST, headers: [("Host", "a")] + values.map { ("Transfer-Encoding", $0) })
                == "Transfer-Encoding is not only chunked, expected no other coding")
    }

    @Test("Content-Length beside Transfer-Encoding is refused", arguments: ["0", "5", ""])
    func bothLengths(length: String) {
        #expect(
            refusal(headers: [("Host", "a"), ("Content-Length", length), ("Transfer-Encoding", "chunked")])
                == "Content-Length came beside Transfer-Encoding, expected one of them")
        #expect(refusal(headers: [("Host", "a"), ("Content-Length", "5")]) == nil)
    }

    @Test("Transfer-Encoding is not of HTTP 1.0")
    func codingInHTTP10() {
        #expect(
            refusal(version: .http1_0, headers: [("Host", "a"), ("Transfer-Encoding", "chunked")])
                == "Transfer-Encoding came with HTTP/1.0, expected HTTP/1.1 or Content-Length")
    }

    // MARK: Fields

    @Test("fields keep their order, case and repetition, and Host is the authority")
    func fields() throws {
        let request = try request(headers: [("X-B", "2"), ("Host", "example.com"), ("x-a", "1"), ("X-B", "3")])
        #expect(request.headerFields.map(\.name.rawName) == ["X-B", "x-a", "X-B"])
        #expect(request.headerFields.map(\.value) == ["2", "1", "3"])
    }

    @Test(
        "what could split a head is refused",
        arguments: [
            ("X Y", "v", "field name is not a token"), ("", "v", "field name is not a token"),
            ("X", "a\u{0}b", "value of X has a character that no field value may have"),
            ("X", "a\r\nY: b", "value of X has a character that no field value may have"),
        ])
    func splitFields(name: String, value: String, reason: String) {
        #expect(refusal(headers: [("Host", "a"), (name, value)]) == reason)
    }
}
