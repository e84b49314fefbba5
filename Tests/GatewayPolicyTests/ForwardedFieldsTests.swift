import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Forwarded fields (RFC 7239)")
struct ForwardedFieldsTests {
    static let trusted = [
        IPPrefix(bytes: [10, 0, 0, 0], length: 8),
        IPPrefix(bytes: [0xFD] + [UInt8](repeating: 0, count: 15), length: 8),
    ]

    static func fields(_ pairs: [(String, String)]) -> HTTPFields { HeaderFilterTests.fields(pairs) }

    static func forward(
        _ pairs: [(String, String)], peer: String, host: String = "example.com", isTLS: Bool = true,
        trusted: [IPPrefix] = trusted, strippedPrefix: String? = nil
    ) -> (forwarded: ForwardedFields, lines: [String]) {
        var fields = fields(pairs)
        let peer = ClientAddress(parsing: peer) ?? .unix
        let forwarded = ForwardedFields(peer: peer, host: host, isTLS: isTLS, fields: fields, trusted: trusted)
        forwarded.apply(to: &fields, strippedPrefix: strippedPrefix)
        return (forwarded, HeaderFilterTests.lines(fields))
    }

    @Test func anUntrustedPeerIsNotBelieved() {
        let (forwarded, lines) = Self.forward(
            [
                ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"),
                ("X-Forwarded-Port", "1"), ("Forwarded", "for=1.1.1.1"), ("Accept", "*/*"),
            ], peer: "203.0.113.9", isTLS: false)
        #expect(forwarded.clientAddress.description == "203.0.113.9")
        #expect(!forwarded.isSecure)
        #expect(
            lines == [
                "Accept: */*", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http",
                "X-Forwarded-Host: example.com",
            ])
    }

    @Test func aTrustedProxyIsBelievedAndAppendedTo() {
        let (forwarded, lines) = Self.forward(
            [
                ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "WSS"), ("X-Forwarded-Host", "public.test"),
                ("X-Forwarded-Port", "443"),
            ], peer: "10.0.0.1", isTLS: false)
        #expect(forwarded.clientAddress.description == "203.0.113.9")
        #expect(forwarded.isSecure)
        #expect(
            lines == [
                "X-Forwarded-For: 203.0.113.9, 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.test",
                "X-Forwarded-Port: 443",
            ])
    }

    @Test(
        arguments: [
            ([], "10.0.0.1", "10.0.0.1"),
            (["203.0.113.9"], "10.0.0.1", "203.0.113.9"),
            (["1.1.1.1, 203.0.113.9"], "10.0.0.1", "203.0.113.9"),
            (["1.1.1.1, 203.0.113.9, 10.0.0.2"], "10.0.0.1", "203.0.113.9"),
            (["1.1.1.1", "203.0.113.9", "10.0.0.2"], "10.0.0.1", "203.0.113.9"),
            (["10.0.0.3,10.0.0.2"], "10.0.0.1", "10.0.0.3"),
            (["203.0.113.9:4711"], "10.0.0.1", "203.0.113.9"),
            (["[2001:db8::1]:4711"], "10.0.0.1", "2001:db8::1"),
            (["2001:db8::1"], "fd00::1", "2001:db8::1"),
            (["::ffff:203.0.113.9"], "10.0.0.1", "203.0.113.9"),
            (["203.0.113.9"], "::ffff:10.0.0.1", "203.0.113.9"),
            (["203.0.113.9, unknown"], "10.0.0.1", "10.0.0.1"),
            (["203.0.113.9, _hidden, 10.0.0.2"], "10.0.0.1", "10.0.0.2"),
            (["203.0.113.9,"], "10.0.0.1", "203.0.113.9"),
            (["203.0.113.9, ,10.0.0.2"], "10.0.0.1", "203.0.113.9"),
            (["203.0.113.9"], "unix", "203.0.113.9"),
        ] as [([String], String, String)])
    func theRightmostUntrustedHopIsTheClient(sent: [String], peer: String, client: String) {
        let (forwarded, _) = Self.forward(sent.map { ("X-Forwarded-For", $0) }, peer: peer)
        #expect(forwarded.clientAddress.description == client)
    }

    @Test func manyHopsAreNotAllLookedAt() {
        let hops = ["203.0.113.9"] + [String](repeating: "10.0.0.2", count: 5000)
        let (forwarded, _) = Self.forward([("X-Forwarded-For", hops.joined(separator: ","))], peer: "10.0.0.1")
        #expect(forwarded.clientAddress.description == "10.0.0.2")
    }

    @Test func forwardedIsReadWhereThereIsNoXForwardedFor() {
        let sent = "for=1.1.1.1, for=\"[2001:db8::1]:4711\";proto=http, By=x;For=10.0.0.2"
        let (forwarded, lines) = Self.forward([("Forwarded", sent)], peer: "10.0.0.1")
        #expect(forwarded.clientAddress.description == "2001:db8::1")
        #expect(lines.contains("X-Forwarded-For: 1.1.1.1, 2001:db8::1, 10.0.0.2, 10.0.0.1"))
        #expect(lines.contains("Forwarded: \(sent), for=10.0.0.1;host=\"example.com\";proto=https"))
    }

    @Test func anIPv6HopIsQuoted() {
        let (_, lines) = Self.forward([("Forwarded", "for=unknown")], peer: "fd00::1", host: "")
        #expect(lines.contains("Forwarded: for=unknown, for=\"[fd00::1]\";proto=https"))
    }

    @Test func aHostThatWouldBreakTheFieldIsLeftOut() {
        let (_, lines) = Self.forward([("Forwarded", "for=1.1.1.1")], peer: "10.0.0.1", host: "a\";for=2.2.2.2")
        #expect(lines.contains("Forwarded: for=1.1.1.1, for=10.0.0.1;proto=https"))
    }

    @Test(
        "what can't be read is continued, never replaced by this hop's",
        arguments: [
            ("X-Forwarded-Proto", ["https, http"], "https, http", true),
            ("X-Forwarded-Proto", ["https", "http"], "https, http", true),
            ("X-Forwarded-Proto", ["http, https"], "http, https", false),
            ("X-Forwarded-Proto", ["gopher"], "gopher", false), ("X-Forwarded-Proto", ["wss"], "https", true),
            ("X-Forwarded-Host", ["a.test, b.test"], "a.test, b.test", false),
            ("X-Forwarded-Host", ["a.test", "b.test"], "a.test, b.test", false),
            ("X-Forwarded-Host", [String(repeating: "a", count: 300)], String(repeating: "a", count: 300), false),
            ("X-Forwarded-For", ["unknown"], "unknown, 10.0.0.1", false),
        ] as [(String, [String], String, Bool)])
    func whatCanNotBeReadIsContinued(name: String, sent: [String], expected: String, isSecure: Bool) {
        let (forwarded, lines) = Self.forward(sent.map { (name, $0) }, peer: "10.0.0.1", isTLS: false)
        #expect(lines.contains("\(name): \(expected)"))
        #expect(forwarded.isSecure == isSecure)
    }

    @Test(
        "what stands in Forwarded alone is derived (RFC 7239 §5)",
        arguments: [
            ("for=203.0.113.9;proto=https;host=public.test", "https", "public.test"),
            ("For=203.0.113.9;Host=\"public.test:8443\";PROTO=HTTPS", "https", "public.test:8443"),
            ("for=\"[2001:db8::1]\";proto=wss", "https", "example.com"),
            ("for=203.0.113.9", "http", "example.com"),
            ("proto=https;host=public.test", "https", "public.test"),
            ("for=unknown;proto=https;host=public.test", "https", "public.test"),
            ("for=203.0.113.9;proto=https;host=a.test, for=10.0.0.2;proto=http;host=b.test", "https", "a.test"),
            ("for=203.0.113.9, for=10.0.0.2;proto=https;host=b.test", "https", "b.test"),
            // What stands left of the client may be the client's own.
            ("for=1.1.1.1;proto=https;host=evil.test, for=203.0.113.9;proto=http;host=a.test", "http", "a.test"),
            ("for=\"1.1.1.1;proto=https, for=203.0.113.9;proto=http", "http", "example.com"),
            ("for=203.0.113.9;proto=gopher", "gopher", "example.com"),
        ])
    func whatStandsInForwardedAloneIsDerived(sent: String, proto: String, host: String) {
        let (_, lines) = Self.forward([("Forwarded", sent)], peer: "10.0.0.1", isTLS: false)
        #expect(lines.contains("X-Forwarded-Proto: \(proto)"))
        #expect(lines.contains("X-Forwarded-Host: \(host)"))
        #expect(lines.contains("Forwarded: \(sent), for=10.0.0.1;host=\"example.com\";proto=http"))
    }

    @Test func nodesThatAreNoAddressesAreDerivedToo() {
        let sent = "for=_hidden, for=unknown;proto=https, proto=http, for=10.0.0.2"
        let (_, lines) = Self.forward([("Forwarded", sent)], peer: "10.0.0.1")
        #expect(lines.contains("X-Forwarded-For: _hidden, unknown, unknown, 10.0.0.2, 10.0.0.1"))
    }

    @Test func aTrustedProxysOwnFieldsWinOverForwarded() {
        let (_, lines) = Self.forward(
            [("Forwarded", "for=1.1.1.1;proto=http;host=a.test"), ("X-Forwarded-Proto", "https")], peer: "10.0.0.1")
        #expect(lines.contains("X-Forwarded-Proto: https"))
        #expect(lines.contains("X-Forwarded-Host: a.test"))
    }

    @Test(arguments: ["10.0.0.1", "203.0.113.9"])
    func fieldsThatServersTakeForTheseAreTakenAway(peer: String) {
        let (_, lines) = Self.forward(
            [
                ("X_Forwarded_For", "1.1.1.1"), ("X-Forwarded_Proto", "https"), ("x.forwarded.port", "1"),
                ("X_Forwarded-Prefix", "/a"),
            ], peer: peer, isTLS: false)
        #expect(
            lines == ["X-Forwarded-For: \(peer)", "X-Forwarded-Proto: http", "X-Forwarded-Host: example.com"])
    }

    @Test(
        "a stripped prefix is told behind those of trusted proxies",
        arguments: [
            ("10.0.0.1", [], "/chat", ["/chat"]),
            ("10.0.0.1", ["/app"], "/chat", ["/app/chat"]),
            ("10.0.0.1", ["/app/"], "/chat", ["/app/chat"]),
            ("10.0.0.1", ["/"], "/chat", ["/chat"]),
            ("10.0.0.1", ["/a, /b/"], "/chat", ["/a/b/chat"]),
            ("10.0.0.1", ["/a", "/b"], "/chat", ["/a/b/chat"]),
            ("unix", ["/app"], "/chat", ["/app/chat"]),
            ("203.0.113.9", [], "/chat", ["/chat"]),
            ("203.0.113.9", ["/evil"], "/chat", ["/chat"]),
            ("203.0.113.9", ["/evil"], nil, []),
            ("10.0.0.1", ["/app/"], nil, ["/app/"]),
            ("10.0.0.1", ["/a", "/b"], nil, ["/a", "/b"]),
            ("10.0.0.1", [], nil, []),
        ] as [(String, [String], String?, [String])])
    func aStrippedPrefix(peer: String, sent: [String], stripped: String?, expected: [String]) {
        let (_, lines) = Self.forward(
            sent.map { ("x-forwarded-prefix", $0) }, peer: peer, strippedPrefix: stripped)
        let told = lines.filter { $0.lowercased().hasPrefix("x-forwarded-prefix:") }
        #expect(told.map { String($0.dropFirst("X-Forwarded-Prefix: ".count)) } == expected)
    }

    @Test func aUnixPeerWithoutTrustedProxiesIsNotBelieved() {
        let (forwarded, lines) = Self.forward([("X-Forwarded-For", "1.1.1.1")], peer: "unix", trusted: [])
        #expect(forwarded.clientAddress == .unix)
        #expect(lines == ["X-Forwarded-Proto: https", "X-Forwarded-Host: example.com"])
    }

    @Test("what a trusted proxy says goes on as the bytes that came (RFC 9110 §5.5)")
    func otherBytes() throws {
        let said = [UInt8]("caf".utf8) + [0xE9]
        let name = try #require(HTTPField.Name("X-Forwarded-Host"))
        var fields = HTTPFields()
        fields.append(HTTPField(name: name, value: said))
        fields.append(HTTPField(name: try #require(HTTPField.Name("Forwarded")), value: [UInt8]("for=_".utf8) + said))
        let forwarded = ForwardedFields(
            peer: .ipv4(0x0A00_0001), host: "a", isTLS: false, fields: fields,
            trusted: [IPPrefix(bytes: [10, 0, 0, 0], length: 8)])
        forwarded.apply(to: &fields)
        #expect(fields[fields: name].map { $0.withUnsafeBytesOfValue { Array($0) } } == [said])
        let lone = try #require(HTTPField.Name("Forwarded"))
        let bytes = try #require(fields[fields: lone].first).withUnsafeBytesOfValue { Array($0) }
        #expect(bytes.starts(with: [UInt8]("for=_".utf8) + said + [UInt8](", for=10.0.0.1".utf8)))
    }
}
