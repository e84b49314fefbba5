import HTTPTypes
import NIOHPACK
import Testing

@testable import HTTP2Core

@Suite("Header lists as responses and trailers (RFC 9113 §8.1, §8.3.2)")
struct HTTP2HeadResponseTests {
    typealias Bad = HTTP2HeadRequestTests.Bad

    @Test("a status of three digits and fields", arguments: ["200", "404", "103", "599", "999"])
    func wellFormed(status: String) throws {
        let list = HTTP2HeadRequestTests.list([
            (":status", status), ("server", "x"), ("set-cookie", "a"), ("set-cookie", "b"),
        ])
        let response = try HTTP2Head.response(from: list)
        #expect(String(response.status.code) == status)
        #expect(
            response.headerFields.map { $0.name.canonicalName + $0.value } == ["serverx", "set-cookiea", "set-cookieb"])
    }

    private static let statuses: [Bad] =
        ["", "20", "2000", "abc", "-20", "+20", "2 0", " 200", "099", "000", "101", "２００"].map {
            Bad(":status of \"\($0)\"", [(":status", $0)])
        }

    static let bad: [Bad] =
        statuses + [
            Bad("no :status", [("server", "x")]), Bad("nothing", []),
            Bad(":status twice", [(":status", "200"), (":status", "200")]),
            Bad(":status behind a field", [("x", "y"), (":status", "200")]),
            Bad("a request's pseudo-field", [(":status", "200"), (":path", "/")]),
            Bad("capitals", .ok + [("Server", "x")]), Bad("connection", .ok + [("connection", "close")]),
            Bad("transfer-encoding", .ok + [("transfer-encoding", "chunked")]),
            Bad("upgrade", .ok + [("upgrade", "h2c")]), Bad("a line end", .ok + [("x", "a\nb")]),
            Bad("content-length that is no number", .ok + [("content-length", "x")]),
        ]

    @Test("a malformed one is refused", arguments: bad)
    func malformed(example: Bad) {
        #expect(throws: HTTP2RequestError.self) {
            try HTTP2Head.response(from: HTTP2HeadRequestTests.list(example.fields))
        }
    }

    static let trailers: [(Fields, Bool)] = [
        ([], true), ([("x", "y")], true), ([(":status", "200")], false), ([(":path", "/")], false),
        ([("x", "y"), (":x", "y")], false), ([("X", "y")], false), ([("x", "y\n")], false),
        ([("connection", "x")], false),
    ]

    @Test("trailers have no pseudo-fields, and are fields in all else (§8.1)", arguments: trailers)
    func trailing(fields: Fields, isGood: Bool) {
        let taken = try? HTTP2Head.trailers(from: HTTP2HeadRequestTests.list(fields), maxSize: 16_384)
        #expect((taken != nil) == isGood)
        if let taken { #expect(taken.map { [$0.name.canonicalName, $0.value] } == fields.list.map { [$0.0, $0.1] }) }
    }

    @Test("trailers may be as large as a head")
    func trailerSize() {
        let list = HTTP2HeadRequestTests.list([("x", "y")])
        #expect(throws: Never.self) { try HTTP2Head.trailers(from: list, maxSize: 34) }
        #expect(throws: HTTP2RequestError.headerListTooLarge) { try HTTP2Head.trailers(from: list, maxSize: 33) }
    }

    @Test("fields of HTTP/1.1 connections are not written, in heads or trailers (§8.2.2)")
    func connectionSpecific() throws {
        var fields: HTTPFields = [.connection: "x", .transferEncoding: "chunked", .upgrade: "h2c", .server: "s"]
        for name in ["keep-alive", "proxy-connection"] { fields[try #require(HTTPField.Name(name))] = "x" }
        fields[.te] = "trailers"
        let response = HTTPResponse(status: .ok, headerFields: fields)
        let request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/", headerFields: fields)
        let kept: Set = ["server", "te"]
        for list in [
            HTTP2Head.headers(of: response), HTTP2Head.headers(of: request), HTTP2Head.headers(ofTrailers: fields),
        ] {
            #expect(Set(list.text.map(\.name).filter { !$0.hasPrefix(":") }) == kept)
        }
    }

    @Test("pseudo-fields are written first, names in lower case")
    func written() {
        var request = HTTPRequest(method: .connect, scheme: "https", authority: "a", path: "/b")
        request.extendedConnectProtocol = "websocket"
        request.headerFields = [.secWebSocketVersion: "13", .cookie: "c"]
        let list = HTTP2Head.headers(of: request).text
        #expect(
            list.map { $0.name } == [
                ":method", ":protocol", ":scheme", ":path", ":authority", "sec-websocket-version", "cookie",
            ])
        let response = HTTP2Head.headers(
            of: HTTPResponse(status: .notFound, headerFields: [.contentType: "text/plain"])
        ).text
        #expect(response.map { "\($0.name)=\($0.value)" } == [":status=404", "content-type=text/plain"])
    }

    @Test("a value that is not UTF-8 stays what it is (RFC 9110 §5.5), a status has to be text")
    func bytes() throws {
        let value: [UInt8] = [0x63, 0xE9, 0x64]
        let block = Fields.ok.block + HeaderField("set-cookie".utf8, value).literal()
        let response = try HTTP2Head.response(from: HTTP2HeadRequestTests.list(ofBlock: block))
        #expect(response.headerFields[fields: .setCookie].map(HTTP2HeadRequestTests.bytes) == [value])
        let status = HeaderField(":status".utf8, [0x32, 0x30, 0xB0]).literal()
        #expect(throws: HTTP2RequestError.self) {
            try HTTP2Head.response(from: HTTP2HeadRequestTests.list(ofBlock: status))
        }
    }

    @Test("secrets are never put into a table (RFC 7541 §7.1.3)")
    func secrets() {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/?token=b")
        request.headerFields = [.cookie: "c", .authorization: "d", .proxyAuthorization: "e", .userAgent: "f"]
        let indexing = Dictionary(
            uniqueKeysWithValues: HTTP2Head.headers(of: request).text.map { ($0.name, $0.indexable) })
        for name in ["cookie", "authorization", "proxy-authorization"] { #expect(indexing[name] == .neverIndexed) }
        #expect(indexing[":path"] == .nonIndexable)
        #expect(indexing["user-agent"] == .indexable)
    }
}

extension OutgoingHeaders {
    /// The fields that are text, in their order.
    fileprivate var text: [HPACKHeaders.Element] {
        runs.flatMap { run -> [HPACKHeaders.Element] in
            guard case .text(let fields) = run else { return [] }
            return Array(fields)
        }
    }
}
