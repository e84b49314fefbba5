import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Trailers that go on (RFC 9110 §6.5.1)")
struct TrailerFieldsTests {
    static let kept = [
        "ETag", "Server-Timing", "grpc-status", "grpc-message", "X-Checksum", "Digest", "Repr-Digest", "Content-Digest",
        "content-md5", "Signature", "X-Stream-Error", "Hosts", "TE2",
    ]

    @Test("what is known only behind the content goes on", arguments: kept)
    func goesOn(name: String) throws {
        let fields = HeaderFilterTests.fields([(name, "a"), (name, "b")])
        #expect(try #require(TrailerFields.kept(fields)) == fields)
    }

    static let dropped = [
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "TE",
        "Trailer", "HTTP2-Settings", "Host", "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP",
        "X-Request-Id", "Origin", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate",
        "Authentication-Info", "Cookie", "Set-Cookie", "Content-Type", "Content-Encoding", "Content-Range",
        "Content-Disposition", "Content-Security-Policy", "Cache-Control", "Expect", "Max-Forwards", "Pragma", "Range",
        "If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "Accept-Encoding", "Age", "Date", "Expires",
        "Location", "Retry-After", "Vary", "Warning", "Access-Control-Allow-Origin", "Sec-WebSocket-Key",
        "Sec-Fetch-Site", "Strict-Transport-Security", "traceparent",
    ]

    @Test("what would change how a message is framed, led, believed or read is left out", arguments: dropped)
    func isLeftOut(name: String) throws {
        for spelling in [name, name.lowercased(), name.uppercased()] {
            #expect(TrailerFields.kept(HeaderFilterTests.fields([(spelling, "x")])) == nil)
        }
        let mixed = HeaderFilterTests.fields([("A", "1"), (name, "x"), ("B", "2"), ("A", "3")])
        #expect(HeaderFilterTests.lines(try #require(TrailerFields.kept(mixed))) == ["A: 1", "B: 2", "A: 3"])
    }

    @Test("what servers could take for such a field is left out too", arguments: ["content_length", "X_Forwarded_For"])
    func folded(name: String) {
        #expect(TrailerFields.kept(HeaderFilterTests.fields([(name, "x")])) == nil)
    }

    @Test func noneStaysNone() {
        #expect(TrailerFields.kept([:]) == nil)
    }

    @Test("a field that the route sets or removes does not come by the back door")
    func edited() throws {
        let fields = HeaderFilterTests.fields([
            ("X-User", "mallory"), ("X_User", "mallory"), ("X-Debug", "1"), ("X-Sum", "2"),
        ])
        let edits = HeaderEdits(set: ["x-user": "alice"], remove: ["x-debug"])
        #expect(TrailerFields.kept(fields, edits: edits) == HeaderFilterTests.fields([("X-Sum", "2")]))
    }
}
