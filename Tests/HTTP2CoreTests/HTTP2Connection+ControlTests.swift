import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

@Suite("What comes about streams and the connection (RFC 9113 §6.3 to §6.9, §10.5)")
struct HTTP2ConnectionControlTests {
    typealias Streams = HTTP2ConnectionReceivingTests

    static let exchanges: [Exchange] = [
        Exchange(
            "SETTINGS are acknowledged (§6.5.3)", [.settings((3, 5)), .settings()], told: [.settings, .settings],
            sent: [.settingsAck, .settingsAck]),
        Exchange("an acknowledgement of SETTINGS", [.settingsAck], told: []),
        Exchange(
            "PING is answered with what it brought (§6.7)", [.ping(1), .ping(255)], told: [],
            sent: [.ping(1, ack: true), .ping(255, ack: true)]),
        Exchange(
            "an answer to a PING",
            after: {
                $0.connection.ping(7); $0.connection.ping(8)
            },
            [.ping(7, ack: true), .ping(8, ack: true)], told: [.pong(7), .pong(8)]),
        Exchange("an answer to no PING", [.ping(7, ack: true)], told: []),
        Exchange(
            "PRIORITY, which means nothing any more (§5.3.2)", [.priority(1), .priority(77), .priority(3, on: 3)],
            told: []),
        Exchange(
            "types that nobody knows (§4.1)",
            [Frame(type: 0x10, payload: [0, 0, 0, 1, 117]), Frame(type: 200, stream: 7)],
            told: []),
        Exchange("RST_STREAM", after: Streams.agreed, [.reset(1, .cancel)], told: [.closed(1, .reset(.cancel))]),
        Exchange(
            "RST_STREAM of a code that nobody knows", to: .client, after: Streams.opened,
            [Frame(type: 3, stream: 1, payload: [9, 9, 9, 9])],
            told: [.closed(1, .reset(HTTP2ErrorCode(rawValue: 0x0909_0909)))]),
        Exchange(
            "RST_STREAM behind the end", to: .client, after: Streams.opened,
            [.headers(1, [(":status", "401")], end: true), .reset(1, .noError)],
            told: [.response(1, 401), .ended(1), .closed(1, .reset(.noError))]),
        Exchange("WINDOW_UPDATE", after: Streams.agreed, [.windowUpdate(0, 5), .windowUpdate(1, 5)], told: []),
        Exchange(
            "the largest windows", after: Streams.agreed,
            [.windowUpdate(0, 0x7FFF_0000), .windowUpdate(1, 0x7FFF_0000)], told: []),
        Exchange("GOAWAY", after: Streams.agreed, [.goAway(0, .noError, "bye")], told: [.goAway(.noError, "bye")]),
        Exchange(
            "GOAWAY that leaves the last stream out", to: .client,
            after: { _ = ($0.openWebSocket(), $0.openWebSocket()) },
            [.goAway(1, .enhanceYourCalm)],
            told: [.goAway(.enhanceYourCalm, ""), .closed(3, .notProcessed)]),
        Exchange(
            "GOAWAY that leaves none out", to: .client, after: { _ = ($0.openWebSocket(), $0.openWebSocket()) },
            [.goAway(0x7FFF_FFFF), .headers(3, .ok), .goAway(3)],
            told: [.goAway(.noError, ""), .response(3, 200), .goAway(.noError, "")]),
        .connectionError("WINDOW_UPDATE of 0 for the connection", [.windowUpdate(0, 0)], .protocolError),
        .connectionError(
            "a window of the connection over 2^31 - 1", after: Streams.agreed, [.windowUpdate(0, 0x7FFF_FFFF)],
            last: 1, closes: [1], .flowControlError),
        .connectionError("SETTINGS with a bad value", [.settings((5, 1))], .protocolError),
        .connectionError("SETTINGS_ENABLE_PUSH of 1 from a server", to: .client, [.settings((2, 1))], .protocolError),
        .connectionError(
            "SETTINGS_INITIAL_WINDOW_SIZE that makes a window larger than 2^31 - 1 (§6.9.2)",
            after: {
                Streams.agreed($0); $0.receive(.windowUpdate(1, 0x7FFF_0000))
            },
            [.settings((4, 0x1_0000))], last: 1, closes: [1], .flowControlError),
    ]

    @Test("frames do what §6 says, however they are split", arguments: exchanges, Split.all)
    func frames(exchange: Exchange, split: Split) { exchange.run(split) }

    @Test("SETTINGS change what may be sent")
    func settings() {
        let endpoint = Endpoint.ready(.client, settings: .settings((3, 2), (4, 10), (8, 1)))
        #expect(endpoint.connection.freeStreams == 2)
        let stream = endpoint.openWebSocket()
        #expect(endpoint.connection.freeStreams == 1)
        endpoint.forget()
        if let stream { endpoint.connection.write(ByteBuffer(repeating: 7, count: 30), on: stream) }
        #expect(endpoint.sent().map(\.payload.count) == [10])
        endpoint.receive(.settings((4, 15)))
        #expect(endpoint.sent() == [.settingsAck, .data(1, [7, 7, 7, 7, 7])])
        // A window may become negative (§6.9.2), and counts from there.
        endpoint.receive(.settings((4, 5), (3, 1)))
        endpoint.receive(.windowUpdate(1, 10))
        #expect(endpoint.sent() == [.settingsAck])
        #expect(endpoint.connection.freeStreams == 0)
        endpoint.receive(.windowUpdate(1, 1))
        #expect(endpoint.sent() == [.data(1, [7])])
    }

    @Test("a table that was made smaller for a moment is signaled to the peer's decoder (RFC 7541 §4.2)")
    func headerTable() throws {
        let endpoint = Endpoint.ready(.client)
        _ = endpoint.openWebSocket()
        _ = try endpoint.fields(of: #require(endpoint.sent().first))
        endpoint.receive(.settings((1, 0), (1, 4096)))
        _ = endpoint.sent()
        _ = endpoint.openWebSocket()
        let second = try #require(endpoint.sent().first)
        #expect(Array(second.payload.prefix(4)) == [0x20, 0x3F, 0xE1, 0x1F], "sizes 0 and 4096")
        #expect(try endpoint.fields(of: second).first?.0 == ":method")
        endpoint.receive(.settings((1, 100)))
        endpoint.receive(.settings((1, 1 << 20)))
        _ = endpoint.sent()
        _ = endpoint.openWebSocket()
        let third = try #require(endpoint.sent().first)
        #expect(Array(third.payload.prefix(5)) == [0x3F, 69, 0x3F, 0xE1, 0x1F], "sizes 100 and 4096, which is enough")
    }

    // MARK: Streams over the limit

    @Test("streams over SETTINGS_MAX_CONCURRENT_STREAMS are REFUSED_STREAM (§5.1.2)")
    func refused() {
        let endpoint = Endpoint.ready(.server, maxStreams: 2)
        endpoint.receive(
            .headers(1, .websocket), .headers(3, .get, end: true), .headers(5, .get), .data(5, "x"),
            .headers(7, .get, end: true))
        #expect(endpoint.told == [.request(1, path: "/chat", ends: false), .request(3, path: "/", ends: true)])
        #expect(endpoint.sent() == [.reset(5, .refusedStream), .reset(7, .refusedStream)])
        if let stream = endpoint.streams[3] {
            endpoint.connection.respond(HTTPResponse(status: .ok), on: stream, endsStream: true)
        }
        endpoint.receive(.headers(9, .get, end: true))
        #expect(endpoint.told.last == .request(9, path: "/", ends: true), "there is room again")
    }

    @Test("extended CONNECT without the setting is a stream error (RFC 8441 §4)")
    func notOffered() {
        let endpoint = Endpoint.ready(.server, offersConnect: false)
        endpoint.receive(.headers(1, .websocket), .data(1, "x"), .headers(3, .get, end: true))
        #expect(endpoint.told == [.request(3, path: "/", ends: true)])
        #expect(endpoint.sent() == [.reset(1, .protocolError)])
    }

    // MARK: Floods

    struct Flood: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var prepare: @Sendable (Endpoint) -> Void = { _ in }
        /// The frames of one turn.
        var frames: @Sendable (UInt32) -> [Frame]
        /// Turns that are allowed at once, and in a second.
        var burst = 1000
        var perSecond = 200

        init(
            _ description: String, after prepare: @escaping @Sendable (Endpoint) -> Void = { _ in }, burst: Int = 1000,
            perSecond: Int = 200, _ frames: @escaping @Sendable (UInt32) -> [Frame]
        ) {
            testDescription = description
            self.prepare = prepare
            self.burst = burst
            self.perSecond = perSecond
            self.frames = frames
        }
    }

    static let floods: [Flood] = [
        Flood("PING (CVE-2019-9512)") { _ in [.ping(1)] },
        Flood("answers to no PING") { _ in [.ping(1, ack: true)] },
        Flood("SETTINGS (CVE-2019-9515)") { _ in [.settings()] },
        Flood("acknowledgements of SETTINGS") { _ in [.settingsAck] },
        Flood("PRIORITY (CVE-2019-9513)") { [.priority(2 * $0 + 1)] },
        Flood("types that nobody knows") { _ in [Frame(type: 99)] },
        Flood("GOAWAY") { _ in [.goAway(0)] },
        Flood("empty DATA (CVE-2019-9518)", after: Streams.agreed) { _ in [.data(1, "")] },
        Flood("DATA of padding alone", after: Streams.agreed) { _ in [.paddedData(1, [], padding: 9)] },
        Flood("WINDOW_UPDATE for nothing that was sent", after: Streams.agreed, burst: 1010) { _ in
            [.windowUpdate(1, 1)]
        },
        Flood("WINDOW_UPDATE of the connection") { _ in [.windowUpdate(0, 1)] },
        Flood("RST_STREAM on a stream that is over", after: Streams.over, burst: 1004) { _ in [.reset(1)] },
        Flood("trailers on a stream that is reset", after: Streams.given, burst: 1004) { _ in
            [.headers(1, [], end: true)]
        },
        Flood("empty DATA on a stream that is reset", after: Streams.given, burst: 1004) { _ in [.data(1, "")] },
        Flood(
            "streams over the limit",
            after: { endpoint in
                for number in 0..<100 { endpoint.receive(.headers(UInt32(2 * number + 1), .get)) }
            }
        ) { [.headers(2 * $0 + 1001, .get, end: true)] },
        Flood("streams that are reset at once (CVE-2023-44487)", burst: 500, perSecond: 50) {
            [.headers(2 * $0 + 1, .get, end: true), .reset(2 * $0 + 1)]
        },
        Flood("streams reset for WINDOW_UPDATE of 0 (CVE-2025-8671)", burst: 500, perSecond: 50) {
            [.headers(2 * $0 + 1, .get, end: true), .windowUpdate(2 * $0 + 1, 0)]
        },
        Flood("streams reset for a window that overflows (CVE-2025-8671)", burst: 500, perSecond: 50) {
            [.headers(2 * $0 + 1, .get), .windowUpdate(2 * $0 + 1, 0x7FFF_FFFF)]
        },
        Flood("streams reset for DATA behind their end (CVE-2025-8671)", burst: 500, perSecond: 50) {
            [.headers(2 * $0 + 1, .get, end: true), .data(2 * $0 + 1, "x")]
        },
        Flood("streams reset for their length", burst: 500, perSecond: 50) {
            [.headers(2 * $0 + 1, .get + [("content-length", "1")]), .data(2 * $0 + 1, "xy")]
        },
        Flood(
            "streams that end before they are answered, and are given up for it",
            after: { endpoint in
                endpoint.onEvent = { [unowned endpoint] in
                    if case .ended(let stream, _) = $0 { endpoint.connection.reset(stream, .cancel) }
                }
            }, burst: 500, perSecond: 50
        ) {
            [.headers(2 * $0 + 1, .websocket), .data(2 * $0 + 1, "", end: true)]
        },
        Flood(
            "DATA behind RST_STREAM",
            after: { endpoint in
                endpoint.onEvent = { [unowned endpoint] in
                    guard case .request(let stream, _, _) = $0 else { return }
                    endpoint.connection.respond(HTTPResponse(status: .ok), on: stream)
                }
            }, burst: 500, perSecond: 50
        ) {
            [.headers(2 * $0 + 1, .websocket), .reset(2 * $0 + 1), .data(2 * $0 + 1, "x")]
        },
    ]

    @Test("what costs work and moves nothing is ENHANCE_YOUR_CALM beyond a burst and a rate", arguments: floods)
    func isBounded(flood: Flood) {
        let endpoint = Endpoint.ready(.server)
        flood.prepare(endpoint)
        var turn: UInt32 = 0
        func isTaken() -> Bool {
            turn += 1
            endpoint.receive(flood.frames(turn))
            _ = endpoint.sent()
            return endpoint.connection.failure == nil
        }
        // Those that need an event each may be found out with the next bytes.
        let slack = 2
        for _ in 0..<(flood.burst - slack) where !isTaken() { break }
        #expect(endpoint.connection.failure == nil, "\(turn) at once")
        for _ in 0..<3 {
            endpoint.now = endpoint.now + .seconds(1)
            for _ in 0..<flood.perSecond where !isTaken() { break }
            #expect(endpoint.connection.failure == nil, "\(flood.perSecond) a second")
        }
        for _ in 0...(2 * slack) where !isTaken() { break }
        #expect(endpoint.told.last == .failed(.enhanceYourCalm), "after \(turn)")
    }

    @Test("a request may be answered with a few interim responses, of which more are a flood")
    func interimResponses() {
        let client = Endpoint.ready(.client)
        func informs(_ id: UInt32, _ count: Int) {
            client.receive((0..<count).map { _ in .headers(id, [(":status", "103")]) })
            _ = client.sent()
        }
        for number in 0..<500 {
            _ = client.openWebSocket()
            let id = UInt32(2 * number + 1)
            informs(id, 8)
            client.receive(.headers(id, [(":status", "404")], end: true))
            if let stream = client.streams[id] { client.connection.reset(stream, .cancel) }
        }
        #expect(client.connection.failure == nil)
        _ = client.openWebSocket()
        // Some of the burst went with the peer's SETTINGS.
        informs(1001, 8 + 990)
        #expect(client.connection.failure == nil)
        informs(1001, 10)
        #expect(client.told.last == .failed(.enhanceYourCalm))
    }

    @Test("a quiet minute gives all of it back")
    func recovers() {
        let endpoint = Endpoint.ready(.server)
        for _ in 0..<10 {
            endpoint.receive((0..<900).map { _ in .ping(1) })
            _ = endpoint.sent()
            endpoint.now = endpoint.now + .minutes(1)
        }
        #expect(endpoint.connection.failure == nil)
    }

    @Test("SETTINGS that change many windows cost more than others")
    func windowChanges() {
        let endpoint = Endpoint.ready(.server, maxStreams: 10_000)
        for number in 0..<10_000 { endpoint.receive(.headers(UInt32(2 * number + 1), .websocket)) }
        for size: UInt32 in 1...9 { endpoint.receive(.settings((4, size))) }
        #expect(endpoint.connection.failure == nil)
        for size: UInt32 in 10...11 { endpoint.receive(.settings((4, size))) }
        #expect(endpoint.told.last == .failed(.enhanceYourCalm))
    }

    @Test("answers that nobody reads are bounded (CVE-2019-9517)")
    func unread() {
        let endpoint = Endpoint.ready(.server)
        var count = 0
        while endpoint.connection.failure == nil, count < 200_000 {
            endpoint.receive((0..<900).map { _ in .ping(1) })
            endpoint.now = endpoint.now + .minutes(1)
            count += 900
        }
        #expect(endpoint.told.last == .failed(.enhanceYourCalm))
        #expect(endpoint.sentBytes().count < HTTP2Connection.unreadLimit + 900 * 17 + 200)
    }

    @Test("clients that widen the window of each stream as they open it are no flood")
    func widerWindows() {
        let endpoint = Endpoint.ready(.server, maxStreams: 5000)
        for number in 0..<5000 {
            let id = UInt32(2 * number + 1)
            endpoint.receive(.headers(id, .websocket), .windowUpdate(id, 12_000_000))
        }
        #expect(endpoint.connection.failure == nil)
    }

    @Test("readers that take DATA in small steps are no flood", arguments: [64, 500, 4096])
    func smallSteps(step: Int) {
        let endpoint = Endpoint.ready(.server)
        Streams.agreed(endpoint)
        endpoint.forget()
        guard let stream = endpoint.streams[1] else { return }
        var window = 65_535
        for _ in 0..<10 {
            endpoint.connection.write(ByteBuffer(repeating: 7, count: 16_384), on: stream)
            let count = endpoint.sent().reduce(0) { $0 + $1.payload.count }
            window -= count
            for _ in 0..<(count / step) {
                endpoint.receive(.windowUpdate(0, UInt32(step)), .windowUpdate(1, UInt32(step)))
            }
            window += count / step * step
        }
        #expect(endpoint.connection.failure == nil)
    }

    @Test("a connection's window is returned as soon as DATA comes, however slow its readers")
    func connectionWindow() {
        let endpoint = Endpoint.ready(.server, maxStreams: 1000)
        endpoint.consumes = false
        var window = HTTP2Connection.connectionWindow
        for number in 0..<600 {
            let id = UInt32(2 * number + 1)
            endpoint.receive(
                [.headers(id, .websocket)] + (0..<3).map { _ in .data(id, [UInt8](repeating: 7, count: 16_384)) })
            window -= 3 * 16_384
            for frame in endpoint.sent() where frame.type == 8 {
                #expect(frame.stream == 0, "no stream's reader has taken anything")
                window += Int(frame.word())
            }
            #expect(window > HTTP2Connection.connectionWindow / 2)
        }
        #expect(endpoint.connection.failure == nil)
    }

    @Test("DATA beyond the connection's window is FLOW_CONTROL_ERROR")
    func connectionOverrun() {
        let endpoint = Endpoint.ready(.server)
        endpoint.connection.connectionReceiveWindow = 10
        endpoint.receive(.headers(1, .websocket), .data(1, "0123456789"))
        #expect(endpoint.connection.failure == nil)
        endpoint.receive(.data(1, "x"))
        #expect(endpoint.told.last == .failed(.flowControlError))
    }
}
