import GatewayPolicy
import TestSupport
import Testing

@Suite("PROXY protocol (HAProxy's proxy-protocol.txt)")
struct ProxyHeaderTests {
    static let signature: [UInt8] = Bytes("0d0a0d0a 000d0a51 5549540a").values

    static func block(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? rest.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + rest
    }

    static let ipv4Block = Bytes("0a000001 c0000202 1f90 01bb").values

    static func endpoints(_ source: String, _ sourcePort: UInt16, _ destination: String, _ port: UInt16) throws
        -> ConnectionEndpoints
    {
        ConnectionEndpoints(
            source: try #require(ClientAddress(parsing: source)), sourcePort: sourcePort,
            destination: try #require(ClientAddress(parsing: destination)), destinationPort: port)
    }

    @Test(
        arguments: [
            ("PROXY TCP4 10.0.0.1 192.0.2.2 8080 443\r\n", "10.0.0.1", 8080, "192.0.2.2", 443),
            (
                "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535,
                "255.255.255.255", 65535
            ),
            ("PROXY TCP6 2001:db8::1 ::1 1 0\r\n", "2001:db8::1", 1, "::1", 0),
            ("PROXY TCP6 ::ffff:10.0.0.1 ::ffff:192.0.2.2 1 2\r\n", "10.0.0.1", 1, "192.0.2.2", 2),
            (
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535
            ),
        ] as [(String, String, UInt16, String, UInt16)])
    func aLine(line: String, source: String, sourcePort: UInt16, destination: String, port: UInt16) throws {
        let bytes = Array(line.utf8)
        let header = try #require(try ProxyHeader(readingBeginningOf: bytes + Array("GET / HTTP/1.1".utf8)))
        #expect(header.endpoints == (try Self.endpoints(source, sourcePort, destination, port)))
        #expect(header.length == bytes.count)
        try Self.expectIncomplete(bytes)
    }

    /// Split anywhere, it is waited for, and looked at alike from a slice.
    static func expectIncomplete(_ bytes: [UInt8]) throws {
        for count in bytes.indices {
            #expect(try ProxyHeader(readingBeginningOf: bytes[..<count]) == nil, "\(count) bytes")
        }
        let slice = ([1, 2, 3] + bytes)[3...]
        #expect(try ProxyHeader(readingBeginningOf: slice)?.length == bytes.count)
    }

    @Test(arguments: [
        "PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "PROXY UNKNOWN whatever \u{E9}\r\n",
    ])
    func aLineThatNamesNobody(line: String) throws {
        let bytes = Array(line.utf8)
        let header = try #require(try ProxyHeader(readingBeginningOf: bytes))
        #expect(header.endpoints == nil)
        #expect(header.length == bytes.count)
        try Self.expectIncomplete(bytes)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "P ", "PROXYTCP4", "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY \r\n", "PROXY TCP4\r\n",
        "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
        "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2  2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "PROXY UNKNOWN " + String(repeating: "x", count: 93),
        "\r\n\r\nGET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}",
    ])
    func aLineThatIsNone(line: String) {
        #expect(throws: ProxyHeaderError.self) { try ProxyHeader(readingBeginningOf: Array(line.utf8)) }
    }

    @Test func theLongestLineHas107Bytes() throws {
        let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n"
        #expect(try ProxyHeader(readingBeginningOf: Array(longest.utf8))?.length == 107)
        let longer = "PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n"
        #expect(throws: ProxyHeaderError.self) { try ProxyHeader(readingBeginningOf: Array(longer.utf8)) }
    }

    @Test(
        arguments: [
            (Self.block(0x21, 0x11, Self.ipv4Block), ("10.0.0.1", 8080, "192.0.2.2", 443)),
            (Self.block(0x21, 0x12, Self.ipv4Block), ("10.0.0.1", 8080, "192.0.2.2", 443)),
            (
                Self.block(0x21, 0x11, Self.ipv4Block + Bytes("04 0002 0000").values),
                ("10.0.0.1", 8080, "192.0.2.2", 443)
            ),
            (
                Self.block(
                    0x21, 0x21,
                    Bytes("20010db8 00000000 00000000 00000001 00000000 00000000 00000000 00000001 0001 ffff").values),
                ("2001:db8::1", 1, "::1", 65535)
            ),
            (
                Self.block(
                    0x21, 0x21,
                    Bytes("00000000 00000000 0000ffff 0a000001 00000000 00000000 0000ffff c0000202 0001 0002").values),
                ("10.0.0.1", 1, "192.0.2.2", 2)
            ),
            (
                Self.block(0x21, 0x11, Self.ipv4Block + [UInt8](repeating: 7, count: 4084)),
                ("10.0.0.1", 8080, "192.0.2.2", 443)
            ),
        ] as [([UInt8], (String, UInt16, String, UInt16))])
    func aBlock(bytes: [UInt8], expected: (String, UInt16, String, UInt16)) throws {
        let header = try #require(try ProxyHeader(readingBeginningOf: bytes + [1, 2, 3]))
        #expect(header.endpoints == (try Self.endpoints(expected.0, expected.1, expected.2, expected.3)))
        #expect(header.length == bytes.count)
        try Self.expectIncomplete(bytes)
    }

    @Test(arguments: [
        Self.block(0x20, 0x00, []), Self.block(0x20, 0x11, Self.ipv4Block), Self.block(0x20, 0xFF, [1, 2, 3]),
        Self.block(0x21, 0x00, []), Self.block(0x21, 0x00, [1, 2, 3, 4]),
    ])
    func aBlockThatNamesNobody(bytes: [UInt8]) throws {
        let header = try #require(try ProxyHeader(readingBeginningOf: bytes))
        #expect(header.endpoints == nil)
        #expect(header.length == bytes.count)
        try Self.expectIncomplete(bytes)
    }

    @Test func aBlockOfUnixSockets() throws {
        let header = try #require(
            try ProxyHeader(readingBeginningOf: Self.block(0x21, 0x31, [UInt8](repeating: 0x61, count: 216))))
        #expect(
            header.endpoints
                == ConnectionEndpoints(source: .unix, sourcePort: 0, destination: .unix, destinationPort: 0))
    }

    @Test(arguments: [
        Self.block(0x11, 0x11, Self.ipv4Block), Self.block(0x22, 0x11, Self.ipv4Block),
        Self.block(0x21, 0x13, Self.ipv4Block), Self.block(0x21, 0x41, Self.ipv4Block), Self.block(0x21, 0x10, []),
        Self.block(0x21, 0x11, [1, 2, 3]), Self.block(0x21, 0x21, Self.ipv4Block),
        Self.block(0x21, 0x31, Self.ipv4Block),
        Self.block(0x21, 0x11, [], length: 4097), Self.block(0x20, 0x00, [], length: 65535),
        Self.signature + [0x31],
    ])
    func aBlockThatIsNone(bytes: [UInt8]) {
        #expect(throws: ProxyHeaderError.self) { try ProxyHeader(readingBeginningOf: bytes) }
    }

    @Test(arguments: [
        ("", ProxyHeader.Beginning.undecided), ("P", .undecided), ("PROXY", .undecided), ("PROXY ", .header),
        ("PROXY TCP4", .header), ("POST ", .other), ("PRI * HTTP/2.0", .other), ("GET", .other),
        ("\r\n\r\n", .undecided),
        ("\r\n\r\nG", .other), ("\r\nGET", .other), ("\u{16}\u{3}", .other),
    ])
    func howAConnectionBegins(text: String, expected: ProxyHeader.Beginning) {
        #expect(ProxyHeader.beginning(of: Array(text.utf8)) == expected)
    }

    @Test func theSignatureIsABeginning() {
        #expect(ProxyHeader.beginning(of: Self.signature) == .header)
        #expect(ProxyHeader.beginning(of: Self.signature.dropLast()) == .undecided)
    }

    @Test(arguments: [
        ("1.2.3.4", "5.6.7.8", "PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n"),
        ("::1", "::2", "PROXY TCP6 ::1 ::2 9 10\r\n"),
        ("1.2.3.4", "::2", "PROXY TCP6 ::ffff:1.2.3.4 ::2 9 10\r\n"),
        ("::1", "5.6.7.8", "PROXY TCP6 ::1 ::ffff:5.6.7.8 9 10\r\n"),
    ])
    func whatIsSentIsRead(source: String, destination: String, line: String) throws {
        let endpoints = try Self.endpoints(source, 9, destination, 10)
        let sent = ProxyHeader.bytes(version: .v1, naming: endpoints)
        #expect(String(decoding: sent, as: UTF8.self) == line)
        for version in [ProxyHeader.Version.v1, .v2] {
            let bytes = ProxyHeader.bytes(version: version, naming: endpoints)
            let header = try #require(try ProxyHeader(readingBeginningOf: bytes))
            #expect(header.endpoints == endpoints)
            #expect(header.length == bytes.count)
        }
    }

    @Test func whoIsNotKnownIsNotNamed() throws {
        let unix = ConnectionEndpoints(source: .unix, sourcePort: 0, destination: .unix, destinationPort: 0)
        for endpoints in [nil, unix] {
            #expect(ProxyHeader.bytes(version: .v1, naming: endpoints) == Array("PROXY UNKNOWN\r\n".utf8))
            #expect(ProxyHeader.bytes(version: .v2, naming: endpoints) == Self.block(0x20, 0x00, []))
        }
    }

    @Test func aClientOfAUnixListenerHasNoDestination() throws {
        var endpoints = try Self.endpoints("1.2.3.4", 9, "5.6.7.8", 0)
        endpoints.destination = .unix
        let line = ProxyHeader.bytes(version: .v1, naming: endpoints)
        #expect(String(decoding: line, as: UTF8.self) == "PROXY TCP4 1.2.3.4 0.0.0.0 9 0\r\n")
        let block = try ProxyHeader(readingBeginningOf: ProxyHeader.bytes(version: .v2, naming: endpoints))
        #expect(block?.endpoints == (try Self.endpoints("1.2.3.4", 9, "0.0.0.0", 0)))
    }

    @Test func theClientBehindAProxyHasNoPort() throws {
        let endpoints = try Self.endpoints("1.2.3.4", 9, "5.6.7.8", 10)
        #expect(endpoints.from(endpoints.source) == endpoints)
        let client = try #require(ClientAddress(parsing: "9.9.9.9"))
        #expect(endpoints.from(client) == (try Self.endpoints("9.9.9.9", 0, "5.6.7.8", 10)))
    }

    /// Bytes that are changed, cut or added anywhere: a header is found whole, waited for within its bounds, or refused,
    /// and the same becomes of it however it is split.
    @Test(arguments: 0..<40) func anyBytes(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples = [
            Array("PROXY TCP4 10.0.0.1 192.0.2.2 8080 443\r\n".utf8), Array("PROXY UNKNOWN\r\n".utf8),
            Array("PROXY TCP6 2001:db8::1 ::1 1 0\r\n".utf8), Self.block(0x21, 0x11, Self.ipv4Block + [1, 2, 3]),
            Self.block(0x20, 0x00, []), Self.block(0x21, 0x31, [UInt8](repeating: 0, count: 216)),
        ]
        for _ in 0..<200 {
            var bytes = samples.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: bytes.indices, using: &random)
                if random.chance(50) { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
                if random.chance(20) { bytes.insert(0x20, at: place) }
                if random.chance(20), bytes.count > 1 { bytes.remove(at: place) }
            }
            bytes += random.bytes(Int.random(in: 0...5000, using: &random))
            var end: Result<ProxyHeader?, ProxyHeaderError>?
            for count in 0...bytes.count where end == nil {
                do throws(ProxyHeaderError) {
                    guard let header = try ProxyHeader(readingBeginningOf: bytes[..<count]) else { continue }
                    #expect(header.length == count)
                    end = .success(header)
                } catch {
                    end = .failure(error)
                }
            }
            // Never longer waited for than the longest header takes.
            if end == nil { #expect(bytes.count < 16 + 4096) }
            let whole = Result { () throws(ProxyHeaderError) in try ProxyHeader(readingBeginningOf: bytes) }
            #expect(whole == (end ?? .success(nil)))
        }
    }
}
