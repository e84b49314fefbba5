import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

@Suite("Header lists as requests (RFC 9113 §8.2, §8.3, RFC 8441 §4)")
struct HTTP2HeadRequestTests {
    static func list(_ fields: Fields) -> HeaderList { list(ofBlock: fields.block) }

    static func list(ofBlock block: [UInt8]) -> HeaderList {
        var decoder = HeaderDecoder(maxListSize: 1 << 24)
        guard let list = try? decoder.decode(ByteBuffer(bytes: block)) else {
            Issue.record("\(block) can't be read")
            return HeaderList()
        }
        return list
    }

    static func request(_ fields: Fields, maxSize: Int = 16_384) throws(HTTP2RequestError) -> HTTPRequest {
        try HTTP2Head.request(from: list(fields), maxSize: maxSize)
    }

    struct Good: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var fields: Fields
        var authority = "example.com"
    }

    static let good: [Good] = [
        Good(testDescription: "GET", fields: .get),
        Good(testDescription: "extended CONNECT", fields: .websocket),
        Good(testDescription: "http", fields: .get.with(":scheme", "http")),
        Good(testDescription: "OPTIONS *", fields: .get.with(":method", "OPTIONS").with(":path", "*")),
        Good(testDescription: "a query", fields: .get.with(":path", "/a?b=c&d=%20/?")),
        Good(testDescription: "a method of its own", fields: .get.with(":method", "BREW")),
        Good(testDescription: "CONNECT", fields: [(":method", "CONNECT"), (":authority", "example.com")]),
        Good(testDescription: "host that agrees", fields: .get + [("host", "example.com")]),
        Good(testDescription: "host that agrees but for case", fields: .get + [("host", "Example.COM")]),
        Good(testDescription: "host alone", fields: .get.with(":authority", nil) + [("host", "example.com")]),
        Good(testDescription: "te: trailers", fields: .get + [("te", "trailers")]),
        Good(testDescription: "an empty value", fields: .get + [("x-empty", "")]),
        Good(testDescription: "bytes over 127 in a value", fields: .get + [("x", "ß")]),
        Good(testDescription: "content-length", fields: .get + [("content-length", "0")]),
        Good(
            testDescription: "content-length twice the same",
            fields: .get + [("content-length", "7"), ("content-length", "7")]),
        Good(testDescription: "pseudo-fields in any order", fields: Fields(Fields.get.list.reversed())),
    ]

    @Test("a well-formed one is taken as it is", arguments: good)
    func wellFormed(example: Good) throws {
        let request = try Self.request(example.fields)
        let pseudo = Dictionary(example.fields.list.filter { $0.0.hasPrefix(":") }) { $1 }
        #expect(request.method.rawValue == pseudo[":method"])
        #expect(request.scheme == pseudo[":scheme"])
        #expect(request.path == pseudo[":path"])
        #expect(request.authority == example.authority)
        #expect(request.extendedConnectProtocol == pseudo[":protocol"])
        let regular = example.fields.list.filter { !$0.0.hasPrefix(":") && $0.0 != "host" }
        #expect(
            request.headerFields.map { "\($0.name.canonicalName): \($0.value)" } == regular.map { "\($0.0): \($0.1)" })
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var fields: Fields
        init(_ description: String, _ fields: Fields) {
            testDescription = description
            self.fields = fields
        }
    }

    static let bad: [Bad] = pseudo + connect + names + values + hosts

    private static let pseudo: [Bad] =
        [":method", ":scheme", ":path", ":authority"].map { Bad("no \($0)", .get.with($0, nil)) }
        + [":method", ":scheme", ":path", ":authority"].map { Bad("\($0) twice", [($0, "x")] + .get) }
        + [":method", ":scheme", ":path"].map { Bad("empty \($0)", .get.with($0, "")) }
        + [
            Bad("nothing", []),
            Bad(":method that is no token", .get.with(":method", "G ET")),
            Bad(":method with a line end", .get.with(":method", "GET\r\n")),
            Bad(":scheme of something else", .get.with(":scheme", "ftp")),
            Bad(":path without a slash", .get.with(":path", "x")),
            Bad(":path of * for GET", .get.with(":path", "*")),
            Bad(":path with a space", .get.with(":path", "/a b")),
            Bad(":path with a control", .get.with(":path", "/a\u{1}")),
            Bad(":path with DEL", .get.with(":path", "/a\u{7F}")),
            Bad(":path with a line end", .get.with(":path", "/\r\nx: y")),
            Bad(":path with a fragment", .get.with(":path", "/a#b")),
            Bad("an absolute :path", .get.with(":path", "https://example.com/")),
            Bad("an unknown pseudo-field", [(":unknown", "x")] + .get),
            Bad("a response's pseudo-field", [(":status", "200")] + .get),
            Bad("a pseudo-field behind another field", Fields([("x", "y")] + Fields.get.list)),
            Bad("a name of one colon", .get + [(":", "x")]),
        ]

    private static let connect: [Bad] = [
        Bad(":protocol with GET", .websocket.with(":method", "GET")),
        Bad("extended CONNECT without :scheme", .websocket.with(":scheme", nil)),
        Bad("extended CONNECT without :path", .websocket.with(":path", nil)),
        Bad("extended CONNECT without :authority", .websocket.with(":authority", nil)),
        Bad("CONNECT with :scheme and :path", .get.with(":method", "CONNECT")),
        Bad("CONNECT with :path", [(":method", "CONNECT"), (":authority", "a"), (":path", "/")]),
        Bad("CONNECT without :authority", [(":method", "CONNECT")]),
        Bad(":protocol twice", [(":protocol", "x")] + .websocket),
    ]

    private static let names: [Bad] = [
        Bad("capitals", .get + [("X-Upper", "y")]), Bad("one capital", .get + [("x-uppeR", "y")]),
        Bad("a space in a name", .get + [("x y", "z")]), Bad("a line end in a name", .get + [("x\r\ny", "z")]),
        Bad("a colon in a name", .get + [("x:y", "z")]), Bad("NUL in a name", .get + [("x\u{0}", "z")]),
        Bad("a byte over 127 in a name", .get + [("xé", "z")]),
        Bad("connection", .get + [("connection", "close")]), Bad("keep-alive", .get + [("keep-alive", "1")]),
        Bad("proxy-connection", .get + [("proxy-connection", "x")]),
        Bad("transfer-encoding", .get + [("transfer-encoding", "chunked")]),
        Bad("upgrade", .get + [("upgrade", "websocket")]), Bad("te of something else", .get + [("te", "gzip")]),
        Bad("te of more than trailers", .get + [("te", "trailers, gzip")]),
    ]

    private static let values: [Bad] =
        ["\0", "a\0b", "a\rb", "a\nb", "a\r\nx: y", " a", "a ", "\ta", "a\t", "\u{1}", "\u{7F}"].map {
            Bad("a value of \($0.utf8.map { String($0) })", .get + [("x", $0)])
        }
        + ["", "x", "-1", "+1", "1 2", "1, 1", "0x1", "99999999999999999999", "１"].map {
            Bad("content-length of \"\($0)\"", .get + [("content-length", $0)])
        } + [Bad("two lengths", .get + [("content-length", "1"), ("content-length", "2")])]

    private static let hosts: [Bad] = [
        Bad("host twice", .get + [("host", "example.com"), ("host", "example.com")])
    ]

    @Test(
        "host of another spelling stays, to be compared by who knows default ports",
        arguments: [
            "example.org", "example.com:443", "",
        ])
    func hostBesideAuthority(host: String) throws {
        let request = try Self.request(.get + [("host", host)])
        #expect(request.authority == "example.com")
        #expect(request.headerFields.map(\.value) == [host])
    }

    @Test("a malformed one is refused", arguments: bad)
    func malformed(example: Bad) {
        #expect {
            try Self.request(example.fields)
        } throws: { error in
            if case HTTP2RequestError.malformed(let reason) = error {
                !reason.isEmpty && !reason.contains { $0.isNewline }
            } else {
                false
            }
        }
    }

    @Test("its size is what §6.5.2 counts: name, value and 32 for each field")
    func size() throws {
        let size = Fields.get.list.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
        #expect(throws: Never.self) { try Self.request(.get, maxSize: size) }
        #expect(throws: HTTP2RequestError.headerListTooLarge) { try Self.request(.get, maxSize: size - 1) }
        let large = Fields.get + [("x", String(repeating: "y", count: 16_384))]
        #expect(throws: HTTP2RequestError.headerListTooLarge) { try Self.request(large) }
        let many = Fields(Fields.get.list + (0..<500).map { ("x\($0)", "") })
        #expect(throws: HTTP2RequestError.headerListTooLarge) { try Self.request(many) }
    }

    @Test("more fields than are taken are too large, whatever their size", arguments: [997, 70_000])
    func fieldCount(count: Int) {
        let fields = Fields(Fields.get.list + (0..<count).map { _ in ("x", "") })
        #expect(throws: HTTP2RequestError.headerListTooLarge) { try Self.request(fields, maxSize: .max) }
        #expect(throws: HTTP2RequestError.headerListTooLarge) {
            try HTTP2Head.trailers(
                from: Self.list(
                    Fields(fields.list.filter { $0.0 == "x" } + [("x", ""), ("x", ""), ("x", ""), ("x", "")])),
                maxSize: .max)
        }
        let response = Fields([(":status", "200")] + (0..<count + 3).map { _ in ("x", "") })
        #expect(throws: HTTP2RequestError.headerListTooLarge) { try HTTP2Head.response(from: Self.list(response)) }
    }

    @Test("as many fields as are taken")
    func mostFields() throws {
        let fields = Fields(Fields.get.list + (0..<996).map { ("x\($0)", "") })
        #expect(try Self.request(fields, maxSize: .max).headerFields.count == 996)
    }

    @Test("cookies that came apart are put together (§8.2.3)")
    func cookies() throws {
        let request = try Self.request(
            .websocket + [("cookie", "a=b"), ("x", "y"), ("cookie", "c=d; e=f"), ("cookie", "g=")])
        #expect(request.headerFields[values: .cookie] == ["a=b; c=d; e=f; g="])
        let one = try Self.request(.get + [("cookie", "a=b")])
        #expect(one.headerFields[values: .cookie] == ["a=b"])
    }

    @Test("other fields that came apart stay so, in their order")
    func repeated() throws {
        let request = try Self.request(.get + [("x", "1"), ("y", "2"), ("x", "3")])
        #expect(request.headerFields.map { $0.name.canonicalName + $0.value } == ["x1", "y2", "x3"])
    }

    @Test("what is sent is read again as it was", arguments: good)
    func roundTrip(example: Good) throws {
        let request = try Self.request(example.fields)
        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder(maxListSize: 16_384)
        let list = try decoder.decode(encoder.encode(HTTP2Head.headers(of: request)))
        let again = try HTTP2Head.request(from: list, maxSize: 16_384)
        #expect(again == request)
    }

    // MARK: Bytes (RFC 9110 §5.5)

    static let latin: [UInt8] = Array("caf".utf8) + [0xE9]

    static func request(_ fields: Fields, and more: [HeaderField]) throws(HTTP2RequestError) -> HTTPRequest {
        try HTTP2Head.request(from: list(ofBlock: fields.block + more.flatMap { $0.literal() }), maxSize: 16_384)
    }

    static func bytes(of field: HTTPField) -> [UInt8] { field.withUnsafeBytesOfValue { Array($0) } }

    @Test("a value that is not UTF-8 stays what it is, cookies that came apart too, and goes on as it is")
    func valueBytes() throws {
        let fields = [
            HeaderField("cookie".utf8, Self.latin), HeaderField("x".utf8, [0xFF, 0x80]), HeaderField("cookie", "a=é"),
            HeaderField("x", "text"), HeaderField("cookie".utf8, [0xC3]),
        ]
        let request = try Self.request(.get, and: fields)
        let joined = Self.latin + "; a=é; ".utf8 + [0xC3]
        #expect(request.headerFields[fields: .cookie].map(Self.bytes) == [joined])
        let name = try #require(HTTPField.Name("x"))
        #expect(request.headerFields[fields: name].map(Self.bytes) == [[0xFF, 0x80], Array("text".utf8)])

        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder(maxListSize: 16_384)
        let list = try decoder.decode(encoder.encode(HTTP2Head.headers(of: request)))
        #expect(try HTTP2Head.request(from: list, maxSize: 16_384) == request)
    }

    static let badBytes: [(String, String?, HeaderField)] = [
        ("host", ":authority", HeaderField("host".utf8, latin)),
        (":path", ":path", HeaderField(":path".utf8, [0x2F, 0xE9])),
        (":authority", ":authority", HeaderField(":authority".utf8, latin)),
        (":method", ":method", HeaderField(":method".utf8, latin)),
        (":scheme", ":scheme", HeaderField(":scheme".utf8, latin)),
        (":protocol", nil, HeaderField(":protocol".utf8, latin)),
        ("a name", nil, HeaderField([0x78, 0xE9], [0x79])),
        ("a pseudo-field's name", nil, HeaderField([0x3A, 0xE9], [0x79])),
        ("te", nil, HeaderField("te".utf8, latin)),
        ("content-length", nil, HeaderField("content-length".utf8, [0x31, 0xB2])),
        ("a space behind", nil, HeaderField("x".utf8, latin + [0x20])),
        ("a tabulator before", nil, HeaderField("x".utf8, [0x09] + latin)),
        ("a line end", nil, HeaderField("x".utf8, latin + [0x0A] + latin)),
        ("NUL", nil, HeaderField("x".utf8, latin + [0] + latin)),
    ]

    @Test("bytes that are not UTF-8 where text is expected, or with what no value may have", arguments: badBytes)
    func malformedBytes(name: String, without: String?, field: HeaderField) {
        var fields = Fields.get
        if let without { fields = fields.with(without, nil) }
        let isPseudo = field.name.first == UInt8(ascii: ":")
        let block = isPseudo ? field.literal() + fields.block : fields.block + field.literal()
        #expect {
            try HTTP2Head.request(from: Self.list(ofBlock: block), maxSize: 16_384)
        } throws: { if case HTTP2RequestError.malformed = $0 { true } else { false } }
    }
}
