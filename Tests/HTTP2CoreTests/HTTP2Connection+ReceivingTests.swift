import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

/// What a connection is told of, and what it sends, when these frames come.
struct Exchange: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var role: HTTP2Connection.Role
    /// What happened before.
    var prepare: @Sendable (Endpoint) -> Void
    var frames: [Frame]
    var told: [Told]
    var sent: [Frame]

    init(
        _ description: String, to role: HTTP2Connection.Role = .server,
        after prepare: @escaping @Sendable (Endpoint) -> Void = { _ in }, _ frames: [Frame], told: [Told],
        sent: [Frame] = []
    ) {
        testDescription = "\(description), to a \(role)"
        self.role = role
        self.prepare = prepare
        self.frames = frames
        self.told = told
        self.sent = sent
    }

    /// A stream error on stream 1: told once, with RST_STREAM.
    static func streamError(
        _ description: String, to role: HTTP2Connection.Role = .server,
        after prepare: @escaping @Sendable (Endpoint) -> Void, _ frames: [Frame], told: [Told] = [],
        _ code: HTTP2ErrorCode
    ) -> Exchange {
        Exchange(
            description, to: role, after: prepare, frames, told: told + [.closed(1, .violation(code))],
            sent: [.reset(1, code)])
    }

    /// A connection error: GOAWAY, and no more.
    static func connectionError(
        _ description: String, to role: HTTP2Connection.Role = .server,
        after prepare: @escaping @Sendable (Endpoint) -> Void = { _ in }, _ frames: [Frame], last: UInt32 = 0,
        closes: [UInt32] = [], _ code: HTTP2ErrorCode
    ) -> Exchange {
        Exchange(
            description, to: role, after: prepare, frames,
            told: closes.map { .closed($0, .connectionLost) } + [.failed(code)], sent: [.goAway(last, code)])
    }

    func run(_ split: Split) {
        let endpoint = Endpoint.ready(role)
        prepare(endpoint)
        endpoint.forget()
        endpoint.receive(frames.flatMap(\.bytes), split)
        let sentFrames = endpoint.sent()
        #expect(endpoint.told == told)
        #expect(sentFrames.map(\.essence) == sent)
        if case .failed? = told.last {
            endpoint.receive(.ping(1), .headers(99, .get))
            #expect(endpoint.told.count == told.count && endpoint.sent().isEmpty, "nothing happens behind the end")
            #expect(endpoint.connection.streamCount == 0)
        }
    }
}

@Suite("What comes on streams (RFC 9113 §5.1, §6.1, §6.2, §8)")
struct HTTP2ConnectionReceivingTests {
    /// Server: stream 1 asks for a WebSocket.
    static let asked: @Sendable (Endpoint) -> Void = { $0.receive(.headers(1, .websocket)) }
    /// Server: stream 1 carries a WebSocket.
    static let agreed: @Sendable (Endpoint) -> Void = { endpoint in
        asked(endpoint)
        if let stream = endpoint.streams[1] { endpoint.connection.respond(HTTPResponse(status: .ok), on: stream) }
    }
    /// Server: stream 1 has asked and ended, and waits for its answer.
    static let halfClosed: @Sendable (Endpoint) -> Void = { $0.receive(.headers(1, .get, end: true)) }
    /// Server: stream 1 was answered and is over.
    static let over: @Sendable (Endpoint) -> Void = { endpoint in
        halfClosed(endpoint)
        guard let stream = endpoint.streams[1] else { return }
        endpoint.connection.respond(HTTPResponse(status: .notFound), on: stream, endsStream: true)
    }
    /// Server: this side has reset stream 1.
    static let given: @Sendable (Endpoint) -> Void = { endpoint in
        agreed(endpoint)
        if let stream = endpoint.streams[1] { endpoint.connection.reset(stream, .cancel) }
    }
    /// Server: the client has reset stream 1.
    static let cancelled: @Sendable (Endpoint) -> Void = { endpoint in
        agreed(endpoint)
        endpoint.receive(.reset(1))
    }
    /// Client: stream 1 has asked for a WebSocket.
    static let opened: @Sendable (Endpoint) -> Void = { _ = $0.openWebSocket() }
    /// Client: stream 1 has asked with HEAD.
    static let askedForHead: @Sendable (Endpoint) -> Void = { endpoint in
        let request = HTTPRequest(method: .head, scheme: "https", authority: "example.com", path: "/")
        _ = endpoint.connection.open(request, endsStream: true)
    }
    /// Client: stream 1 has asked with GET.
    static let askedForPage: @Sendable (Endpoint) -> Void = { endpoint in
        let request = HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/")
        _ = endpoint.connection.open(request, endsStream: true)
    }
    /// Client: stream 1 carries a WebSocket.
    static let connected: @Sendable (Endpoint) -> Void = { endpoint in
        opened(endpoint)
        endpoint.receive(.headers(1, .ok))
    }
    /// Client: stream 1 was opened and reset.
    static let dropped: @Sendable (Endpoint) -> Void = { endpoint in
        if let stream = endpoint.openWebSocket() { endpoint.connection.reset(stream, .cancel) }
    }

    static let post = Fields.get.with(":method", "POST")

    // MARK: Requests and responses

    static let messages: [Exchange] = [
        Exchange("GET", [.headers(1, .get, end: true)], told: [.request(1, path: "/", ends: true)]),
        Exchange(
            "streams in any order of their ends",
            [.headers(1, .websocket), .headers(5, .get, end: true), .headers(7, .websocket), .data(1, "a", end: true)],
            told: [
                .request(1, path: "/chat", ends: false), .request(5, path: "/", ends: true),
                .request(7, path: "/chat", ends: false), .data(1, "a"), .ended(1),
            ]),
        Exchange(
            "a request with a body", [.headers(1, post), .data(1, "ab"), .data(1, "c"), .data(1, "", end: true)],
            told: [.request(1, path: "/", ends: false), .data(1, "abc"), .ended(1)]),
        Exchange(
            "a body of its announced length",
            [
                .headers(1, post + [("content-length", "3")]), .data(1, "ab"),
                .paddedData(1, [99], padding: 9, end: true),
            ],
            told: [.request(1, path: "/", ends: false), .data(1, "abc"), .ended(1)]),
        Exchange(
            "a body and trailers", [.headers(1, post), .data(1, "ab"), .headers(1, [("x", "y")], end: true)],
            told: [
                .request(1, path: "/", ends: false), .data(1, "ab"), .endedWith(1, trailers: ["x: y"]),
            ]),
        Exchange(
            "trailers alone", [.headers(1, post), .headers(1, [], end: true)],
            told: [.request(1, path: "/", ends: false), .ended(1)]),
        Exchange(
            "a malformed request, which its user answers", [.headers(1, .get.with(":path", nil), end: true)],
            told: [.badRequest(1, .malformed(":path is missing, or is not a path and query"), ends: true)]),
        Exchange(
            "a request that is too large, which its user answers",
            [.headers(1, .get + [("x", String(repeating: "y", count: 16_000))], end: true)],
            told: [.request(1, path: "/", ends: true)]),
        Exchange(
            "a length and no content", [.headers(1, post + [("content-length", "3")], end: true)],
            told: [
                .badRequest(1, .malformed("content-length is 3, and the stream ended without content"), ends: true)
            ]),
        Exchange(
            "HEADERS with priority and padding",
            [
                Frame(
                    type: 1, flags: 0x2D, stream: 1,
                    payload: [3, 0, 0, 0, 0, 16] + Fields.get.block + [0, 0, 0])
            ], told: [.request(1, path: "/", ends: true)]),
        Exchange(
            "HEADERS that depend on themselves, which has no meaning any more",
            [
                Frame(type: 1, flags: 0x25, stream: 1, payload: [0, 0, 0, 1, 16] + Fields.get.block)
            ], told: [.request(1, path: "/", ends: true)]),
        Exchange(
            "HEADERS in pieces",
            [
                Frame(type: 1, flags: 1, stream: 1, payload: Array(Fields.get.block.prefix(5))),
                .continuation(1, Fields.get.block.dropFirst(5).prefix(1), end: false),
                .continuation(1, Fields.get.block.dropFirst(6)),
            ], told: [.request(1, path: "/", ends: true)]),
        Exchange(
            "200", to: .client, after: opened, [.headers(1, .ok), .data(1, "abc"), .data(1, "", end: true)],
            told: [.response(1, 200), .data(1, "abc"), .ended(1)]),
        Exchange(
            "200 that ends at once", to: .client, after: opened, [.headers(1, .ok, end: true)],
            told: [.response(1, 200), .ended(1)]),
        Exchange(
            "interim responses", to: .client, after: opened,
            [.headers(1, [(":status", "100")]), .headers(1, [(":status", "103"), ("link", "x")]), .headers(1, .ok)],
            told: [.informed(1, 100), .informed(1, 103), .response(1, 200)]),
        Exchange(
            "a refusal with a body and trailers", to: .client, after: opened,
            [
                .headers(1, [(":status", "401"), ("content-length", "2")]), .data(1, "no"),
                .headers(1, [("x", "y")], end: true),
            ], told: [.response(1, 401), .data(1, "no"), .endedWith(1, trailers: ["x: y"])]),
        Exchange(
            "trailers without content", to: .client, after: opened,
            [.headers(1, [(":status", "404")]), .headers(1, [("x", "y"), ("x", "z"), ("a", "")], end: true)],
            told: [.response(1, 404), .endedWith(1, trailers: ["x: y", "x: z", "a: "])]),
        Exchange(
            "what was announced to HEAD, which brings none", to: .client, after: askedForHead,
            [.headers(1, .ok + [("content-length", "9")]), .data(1, "", end: true)],
            told: [.response(1, 200), .ended(1)]),
        Exchange(
            "content-length that means nothing: 2xx to CONNECT", to: .client, after: opened,
            [.headers(1, .ok + [("content-length", "0")]), .data(1, "abc", end: true)],
            told: [.response(1, 200), .data(1, "abc"), .ended(1)]),
        Exchange(
            "content-length of what did not change", to: .client, after: opened,
            [.headers(1, [(":status", "304"), ("content-length", "9")], end: true)],
            told: [.response(1, 304), .ended(1)]),
    ]

    @Test("requests and responses are told however they are split", arguments: messages, Split.all)
    func tells(exchange: Exchange, split: Split) { exchange.run(split) }

    // MARK: Stream errors

    static let streamErrors: [Exchange] = [
        .streamError("DATA on a half-closed stream", after: halfClosed, [.data(1, "x"), .data(1, "y")], .streamClosed),
        .streamError("HEADERS on a half-closed stream", after: halfClosed, [.headers(1, .get)], .streamClosed),
        .streamError(
            "HEADERS in the middle of a body", after: { $0.receive(.headers(1, post)) }, [.headers(1, [("x", "y")])],
            .protocolError),
        .streamError(
            "trailers with a pseudo-field", after: { $0.receive(.headers(1, post)) },
            [.headers(1, [(":path", "/")], end: true)], .protocolError),
        .streamError(
            "trailers with capitals", after: { $0.receive(.headers(1, post)) }, [.headers(1, [("X", "y")], end: true)],
            .protocolError),
        .streamError(
            "trailers with a field of a connection (§8.2.2)", after: { $0.receive(.headers(1, post)) },
            [.headers(1, [("transfer-encoding", "chunked")], end: true)], .protocolError),
        .streamError(
            "trailers larger than a head may be (§10.5.1)", after: { $0.receive(.headers(1, post)) },
            [.headers(1, [("x", String(repeating: "y", count: 16_352))], end: true)], .enhanceYourCalm),
        .streamError("trailers of a WebSocket (§8.5)", after: agreed, [.headers(1, [], end: true)], .protocolError),
        .streamError(
            "more content than announced", after: { $0.receive(.headers(1, post + [("content-length", "3")])) },
            [.data(1, "ab"), .data(1, "cd")], told: [.data(1, "ab")], .protocolError),
        .streamError(
            "less content than announced", after: { $0.receive(.headers(1, post + [("content-length", "3")])) },
            [.data(1, "ab", end: true)], .protocolError),
        .streamError(
            "less content than announced, and an end without content",
            after: { $0.receive(.headers(1, post + [("content-length", "3")])) }, [.data(1, "", end: true)],
            .protocolError),
        .streamError(
            "less content than announced, and trailers",
            after: { $0.receive(.headers(1, post + [("content-length", "3")])) }, [.headers(1, [], end: true)],
            .protocolError),
        .streamError(
            "a byte beyond the stream's window",
            after: {
                $0.consumes = false; agreed($0)
            },
            (0..<4).map { _ in .data(1, [UInt8](repeating: 7, count: 16_384)) },
            told: [.data(1, [UInt8](repeating: 7, count: 3 * 16_384))], .flowControlError),
        .streamError(
            "padding beyond the stream's window",
            after: {
                $0.consumes = false; agreed($0)
            },
            (0..<3).map { _ in .data(1, [UInt8](repeating: 7, count: 16_384)) }
                + [.data(1, [UInt8](repeating: 7, count: 16_380)), .paddedData(1, [], padding: 3)],
            told: [.data(1, [UInt8](repeating: 7, count: 65_532))], .flowControlError),
        .streamError("WINDOW_UPDATE of 0", after: agreed, [.windowUpdate(1, 0)], .protocolError),
        .streamError("a window over 2^31 - 1", after: agreed, [.windowUpdate(1, 0x7FFF_FFFF)], .flowControlError),
        .streamError("DATA before the response", to: .client, after: opened, [.data(1, "x")], .protocolError),
        .streamError(
            "a response without a status", to: .client, after: opened, [.headers(1, [("x", "y")])], .protocolError),
        .streamError("101", to: .client, after: opened, [.headers(1, [(":status", "101")])], .protocolError),
        .streamError(
            "an interim response that ends", to: .client, after: opened, [.headers(1, [(":status", "103")], end: true)],
            .protocolError),
        .streamError(
            "trailers of a WebSocket", to: .client, after: connected, [.headers(1, [], end: true)], .protocolError),
        .streamError(
            "a response that ends before its announced length", to: .client, after: opened,
            [.headers(1, [(":status", "401"), ("content-length", "3")], end: true)], .protocolError),
        .streamError(
            "a response longer than announced", to: .client, after: opened,
            [.headers(1, [(":status", "401"), ("content-length", "3")]), .data(1, "abcd")], told: [.response(1, 401)],
            .protocolError),
        .streamError(
            "content of a response to HEAD (RFC 9110 §9.3.2)", to: .client, after: askedForHead,
            [.headers(1, .ok), .data(1, "x")], told: [.response(1, 200)], .protocolError),
        .streamError(
            "content of 204", to: .client, after: askedForPage, [.headers(1, [(":status", "204")]), .data(1, "x")],
            told: [.response(1, 204)], .protocolError),
        .streamError(
            "content of 304 (RFC 9110 §15.4.5)", to: .client, after: askedForPage,
            [.headers(1, [(":status", "304"), ("content-length", "1")]), .data(1, "x")], told: [.response(1, 304)],
            .protocolError),
    ]

    @Test("a fault on a stream ends that stream alone", arguments: streamErrors, Split.all)
    func faults(exchange: Exchange, split: Split) {
        exchange.run(split)
        // A neighbour is none the wiser.
        guard exchange.role == .server else { return }
        var beside = exchange
        beside.frames += [.headers(9, .get, end: true)]
        beside.told += [.request(9, path: "/", ends: true)]
        beside.run(split)
    }

    // MARK: Streams that are no more

    static let late: [Exchange] = [
        Exchange(
            "anything on a stream that was reset here", after: given,
            [
                .data(1, "x"), .data(1, "y", end: true), .reset(1), .windowUpdate(1, 5), .priority(1),
            ], told: []),
        Exchange("trailers on a stream that was reset here", after: given, [.headers(1, [], end: true)], told: []),
        Exchange(
            "WINDOW_UPDATE and RST_STREAM on a stream that is over", after: over,
            [
                .windowUpdate(1, 9), .reset(1), .windowUpdate(1, 9),
            ], told: []),
        Exchange("WINDOW_UPDATE of 0 on a stream that is over", after: over, [.windowUpdate(1, 0)], told: []),
        Exchange(
            "a response to a request that was given up", to: .client, after: dropped,
            [
                .headers(1, .ok), .data(1, "x"), .headers(1, [], end: true),
            ], told: []),
        Exchange(
            "DATA on a stream that its sender has reset", after: cancelled, [.data(1, "x"), .data(1, "y")], told: [],
            sent: [.reset(1, .streamClosed)]),
        Exchange(
            "HEADERS on a stream that its sender has reset", after: cancelled, [.headers(1, .get)], told: [],
            sent: [.reset(1, .streamClosed)]),
        .connectionError("DATA on a stream that is over", after: over, [.data(1, "x")], last: 1, .streamClosed),
        .connectionError("HEADERS on a stream that is over", after: over, [.headers(1, .get)], last: 1, .streamClosed),
        .connectionError(
            "a stream below the last one", after: { $0.receive(.headers(5, .get, end: true)) }, [.headers(3, .get)],
            last: 5, closes: [5], .protocolError),
        .connectionError(
            "DATA on a stream below the last one", after: { $0.receive(.headers(5, .get, end: true)) }, [.data(3, "")],
            last: 5, closes: [5], .protocolError),
        .connectionError("an even stream", [.headers(2, .get)], .protocolError),
        .connectionError("DATA on an idle stream", [.data(1, "x")], .protocolError),
        .connectionError("RST_STREAM on an idle stream", [.reset(1)], .protocolError),
        .connectionError("WINDOW_UPDATE on an idle stream", [.windowUpdate(1, 1)], .protocolError),
        .connectionError("WINDOW_UPDATE on an even stream", [.windowUpdate(2, 1)], .protocolError),
        .connectionError("DATA on an idle stream", to: .client, [.data(1, "x")], .protocolError),
        .connectionError("HEADERS on an idle stream", to: .client, [.headers(1, .ok)], .protocolError),
        .connectionError("HEADERS on a stream of the server's", to: .client, [.headers(2, .ok)], .protocolError),
        .connectionError("RST_STREAM on a stream of the server's", to: .client, [.reset(2)], .protocolError),
    ]

    @Test("what was on its way is passed over, what can't have been is a fault", arguments: late, Split.all)
    func lateFrames(exchange: Exchange, split: Split) { exchange.run(split) }

    @Test("content of a stream that was reset is no flood, however small the pieces it comes in")
    func dribble() {
        let endpoint = Endpoint.ready(.server)
        Self.given(endpoint)
        endpoint.forget()
        endpoint.receive(Frame.data(1, [UInt8](repeating: 7, count: 16_384), end: true).bytes, .byByte)
        #expect(endpoint.told == [])
    }

    @Test("streams that were over long ago are passed over")
    func forgotten() {
        let endpoint = Endpoint.ready(.server)
        for number in 0..<UInt32(ClosedStreams.capacity + 10) {
            let id = 2 * number + 1
            endpoint.receive(.headers(id, .get, end: true))
            if let stream = endpoint.streams[id] {
                endpoint.connection.respond(HTTPResponse(status: .ok), on: stream, endsStream: true)
            }
        }
        endpoint.forget()
        endpoint.receive(.data(1, "x"), .headers(3, .get), .reset(5), .windowUpdate(7, 1), .data(9, "", end: true))
        #expect(endpoint.told == [])
        #expect(endpoint.sent() == [])
        endpoint.receive(.data(23, "x"))
        #expect(endpoint.told == [.failed(.streamClosed)], "this one is remembered")
    }

    // MARK: Header compression

    @Test("the table follows what comes on streams that are refused, reset or over (§4.3)")
    func table() {
        // x: y is indexed with the first list, and is entry 62 from then on (RFC 7541 §2.3.3).
        let indexing: [UInt8] = [0x40, 1, 120, 1, 121]
        let setups: [(String, @Sendable (Endpoint) -> Void, UInt32)] = [
            ("reset", Self.given, 1), ("over the limit", { $0.receive(.headers(1, .get)) }, 3),
        ]
        for (name, prepare, id) in setups {
            let endpoint = Endpoint.ready(.server, maxStreams: 1)
            prepare(endpoint)
            endpoint.receive(Frame(type: 1, flags: 5, stream: id, payload: Fields.get.block + indexing))
            if let stream = endpoint.streams[1] { endpoint.connection.reset(stream, .cancel) }
            var fields: HTTPFields?
            endpoint.onEvent = { if case .request(_, .success(let request), _) = $0 { fields = request.headerFields } }
            endpoint.receive(Frame(type: 1, flags: 5, stream: 9, payload: Fields.get.block + [0x80 | 62]))
            #expect(fields?.first?.value == "y", "\(name)")
        }
    }

    static let unreadable: [(String, [UInt8])] = [
        ("index 0", [0x80]), ("an index that does not exist", [0x80 | 70]), ("a cut integer", [0xFF]),
        ("an integer over 2^63", [0x7F, 255, 255, 255, 255, 255, 255, 255, 255, 255, 127]),
        ("a string longer than the block", [0, 5, 120]), ("a cut literal", [0]),
        ("a table larger than announced", [0x3F, 0xE2, 0x1F]), ("three table sizes", [0x20, 0x20, 0x20]),
        ("a table size behind a field", [0x82, 0x20]), ("an empty name", [0, 0, 0]),
        ("Huffman codes that end in zeros", [0, 0x81, 0x00, 0]),
        ("Huffman codes with the end inside", [0, 0x84, 255, 255, 255, 255, 0]),
    ]

    @Test("a header block that can't be read is COMPRESSION_ERROR (§4.3)", arguments: unreadable)
    func compressionError(block: (String, [UInt8])) {
        let endpoint = Endpoint.ready(.server)
        endpoint.receive(Frame(type: 1, flags: 5, stream: 1, payload: block.1))
        #expect(endpoint.told == [.failed(.compressionError)])
    }

    /// Its bytes may be of a cookie.
    @Test("what is wrong with a header block is said without its bytes", arguments: unreadable)
    func compressionErrorWithoutBytes(block: (String, [UInt8])) throws {
        let endpoint = Endpoint.ready(.server)
        var message: String?
        endpoint.onEvent = { if case .failed(let failure) = $0 { message = failure.message } }
        endpoint.receive(Frame(type: 1, flags: 5, stream: 1, payload: block.1))
        let words = try #require(message).split(separator: ": ")
        #expect(words.first == "a header block can't be read")
        #expect(words.last?.allSatisfy { $0.isLetter || $0.isNumber } == true, "\(words)")
    }

    @Test("a header list that unpacks to far too much is ENHANCE_YOUR_CALM, a smaller one a request that is too large")
    func bomb() {
        let field =
            [0x40, 1, 120] + Fields.text([UInt8](repeating: 121, count: 4000))
        for (count, expected) in [
            (3, Told.request(1, path: "/", ends: true)), (5, .badRequest(1, .headerListTooLarge, ends: true)),
            (15, .badRequest(1, .headerListTooLarge, ends: true)), (17, .failed(.enhanceYourCalm)),
            (10_000, .failed(.enhanceYourCalm)),
        ] {
            let endpoint = Endpoint.ready(.server)
            let references = [UInt8](repeating: 0x80 | 62, count: count - 1)
            endpoint.receive(Frame(type: 1, flags: 5, stream: 1, payload: Fields.get.block + field + references))
            #expect(endpoint.told == [expected], "\(count) times 4 KB")
        }
    }
}
