import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

@Suite("What is sent (RFC 9113 §4.2, §5.2, §6.1, §8)")
struct HTTP2ConnectionSendingTests {
    typealias Streams = HTTP2ConnectionReceivingTests

    static func bytes(_ count: Int, _ byte: UInt8 = 7) -> ByteBuffer { ByteBuffer(repeating: byte, count: count) }

    /// A server with so many WebSockets on streams 1, 3, 5 …, and windows that are no limit.
    static func server(streams: Int, window: UInt32 = 0x7FFF_FFFF) -> (Endpoint, [HTTP2Stream]) {
        let endpoint = Endpoint.ready(.server, settings: .settings((4, window)))
        endpoint.receive(.windowUpdate(0, 0x7FFF_FFFF - 65_535))
        var all: [HTTP2Stream] = []
        for number in 0..<streams {
            let id = UInt32(2 * number + 1)
            endpoint.receive(.headers(id, .websocket))
            guard let stream = endpoint.streams[id] else { continue }
            endpoint.connection.respond(HTTPResponse(status: .ok), on: stream)
            all.append(stream)
        }
        endpoint.forget()
        return (endpoint, all)
    }

    // MARK: Heads

    @Test("a request's pseudo-fields come first, and HEADERS ends its block")
    func request() throws {
        let client = Endpoint.ready(.client)
        _ = client.openWebSocket()
        let frame = try #require(client.sent().first)
        #expect(frame.type == 1 && frame.stream == 1 && frame.flags == Frame.endHeaders)
        let fields = try client.fields(of: frame)
        #expect(
            fields.map { "\($0.0)=\($0.1)" } == [
                ":method=CONNECT", ":protocol=websocket", ":scheme=https", ":path=/chat", ":authority=example.com",
            ])
    }

    @Test("a response that ends closes the stream when the request had ended")
    func response() {
        let server = Endpoint.ready(.server)
        server.receive(.headers(1, .get, end: true), .headers(3, .get))
        server.forget()
        for id: UInt32 in [1, 3] {
            guard let stream = server.streams[id] else { continue }
            server.connection.respond(HTTPResponse(status: .notFound), on: stream, endsStream: true)
            #expect(stream.localEnded)
            #expect(stream.isClosed == (id == 1))
            server.connection.respond(HTTPResponse(status: .ok), on: stream)
            server.connection.write(Self.bytes(1), on: stream)
        }
        #expect(server.sent().map { [$0.type, $0.flags, UInt8($0.stream)] } == [[1, 5, 1], [1, 5, 3]])
        server.receive(.data(3, "x", end: true))
        #expect(server.told == [.data(3, "x"), .ended(3)])
        #expect(server.connection.streamCount == 0)
    }

    @Test(
        "a list larger than a frame goes on in CONTINUATION, with nothing in between",
        arguments: [16_384, 40_000, 200_000])
    func continuation(size: Int) throws {
        let server = Endpoint.ready(.server)
        server.receive(.headers(1, .get, end: true))
        server.forget()
        let stream = try #require(server.streams[1])
        // ~ takes 13 bits: no shorter than it is.
        var response = HTTPResponse(status: .ok)
        response.headerFields[.server] = String(repeating: "~", count: size)
        server.connection.respond(response, on: stream, endsStream: true)
        let frames = server.sent()
        #expect(frames.map(\.type) == [1] + [UInt8](repeating: 9, count: frames.count - 1))
        #expect(frames.first?.flags == Frame.endStream)
        #expect(frames.dropLast().allSatisfy { $0.payload.count == 16_384 && $0.flags & Frame.endHeaders == 0 })
        #expect(frames.last?.flags == Frame.endHeaders)
        let whole = Frame(type: 1, payload: frames.flatMap(\.payload))
        #expect(try server.fields(of: whole).last?.1.utf8.count == size)
    }

    @Test("interim responses are no answer, and end nothing (RFC 9110 §15.2)")
    func interim() throws {
        let server = Endpoint.ready(.server)
        server.receive(.headers(1, .get, end: true), .headers(3, .get, end: true))
        server.forget()
        let stream = try #require(server.streams[1])
        let early = HTTPResponse(status: .init(code: 103), headerFields: [.init("link")!: "x"])
        server.connection.respond(early, on: stream)
        server.connection.respond(HTTPResponse(status: .continue), on: stream, endsStream: true)
        server.connection.respond(HTTPResponse(status: .switchingProtocols), on: stream)
        #expect(!stream.localEnded && !stream.isClosed)
        server.connection.respond(HTTPResponse(status: .ok), on: stream)
        server.connection.respond(early, on: stream)
        server.connection.end(stream)
        let frames = server.sent()
        #expect(frames.map { [$0.type, $0.flags] } == [[1, 4], [1, 4], [1, 4], [0, 1]])
        #expect(try frames.prefix(3).map { try server.fields(of: $0).first?.1 } == ["103", "100", "200"])
        // A stream that has had an interim response alone still counts as one that came to nothing.
        let other = try #require(server.streams[3])
        server.connection.respond(early, on: other)
        server.connection.reset(other, .cancel)
        #expect(server.connection.uncountedResets == 1)
    }

    // MARK: Content

    @Test("frames are 16 KiB at most, whatever the peer would take")
    func frameSize() {
        let (server, streams) = Self.server(streams: 1)
        server.receive(.settings((5, 100_000)))
        server.forget()
        for stream in streams { server.connection.write(Self.bytes(40_000), on: stream) }
        #expect(server.sent().map(\.payload.count) == [16_384, 16_384, 7232])
    }

    @Test("END_STREAM goes with the last bytes that waited, or alone")
    func end() {
        let (server, streams) = Self.server(streams: 2, window: 10)
        server.connection.write(Self.bytes(10), on: streams[0])
        server.connection.end(streams[0])
        server.connection.write(Self.bytes(15), on: streams[1])
        server.connection.end(streams[1])
        server.connection.end(streams[1])
        server.connection.write(Self.bytes(1), on: streams[1])
        #expect(streams[0].localEnded && streams[1].localEnded)
        let ten = [UInt8](repeating: 7, count: 10)
        #expect(server.sent() == [.data(1, ten), .data(1, "", end: true), .data(3, ten)])
        server.receive(.windowUpdate(3, 4))
        #expect(server.sent() == [.data(3, [7, 7, 7, 7])])
        server.receive(.windowUpdate(3, 9))
        #expect(server.sent() == [.data(3, [7], end: true)])
    }

    @Test("trailers come with END_STREAM, behind all that waited (§8.1)", arguments: [0, 10, 15, 40])
    func trailers(size: Int) throws {
        let (server, streams) = Self.server(streams: 1, window: 10)
        let stream = streams[0]
        server.connection.write(Self.bytes(size), on: stream)
        server.connection.end(stream, trailers: [.eTag: "x", .init("Checksum")!: "y"])
        server.connection.end(stream, trailers: [.server: "late"])
        #expect(stream.localEnded)
        var frames = server.sent()
        for _ in 0..<3 {
            server.receive(.windowUpdate(1, 10))
            frames += server.sent()
        }
        let last = try #require(frames.last)
        frames.removeLast()
        #expect([last.type, last.flags] == [1, 5])
        #expect(try server.fields(of: last).map { "\($0.0): \($0.1)" } == ["etag: x", "checksum: y"])
        #expect(frames.allSatisfy { $0.type == 0 && $0.flags == 0 })
        #expect(frames.reduce(0) { $0 + $1.payload.count } == size)
        server.receive(.data(1, "", end: true))
        #expect(stream.isClosed)
    }

    @Test("no trailers, or empty ones, are a plain end")
    func emptyTrailers() {
        let (server, streams) = Self.server(streams: 2)
        server.connection.write(Self.bytes(1), on: streams[0])
        server.connection.end(streams[0], trailers: [:])
        server.connection.end(streams[1])
        #expect(server.sent() == [.data(1, [7]), .data(1, "", end: true), .data(3, "", end: true)])
    }

    @Test("trailers that wait are lost with a reset")
    func resetTrailers() {
        let (server, streams) = Self.server(streams: 1, window: 0)
        server.connection.write(Self.bytes(5), on: streams[0])
        server.connection.end(streams[0], trailers: [.eTag: "x"])
        server.connection.reset(streams[0], .internalError)
        server.receive(.windowUpdate(1, 100))
        #expect(server.sent() == [.reset(1, .internalError)])
        #expect(streams[0].trailers == nil)
    }

    @Test("nothing is sent beyond the windows, and all of it within them", arguments: [0, 1, 9, 16_384, 70_000])
    func windows(size: Int) {
        let (server, streams) = Self.server(streams: 1, window: UInt32(size))
        server.connection.sendWindow = 50_000
        server.connection.write(Self.bytes(200_000), on: streams[0])
        #expect(server.sent().reduce(0) { $0 + $1.payload.count } == min(size, 50_000))
        #expect(!server.connection.hasOutput)
        server.receive(.windowUpdate(1, 200_000), .windowUpdate(0, 200_000))
        #expect(server.sent().reduce(0) { $0 + $1.payload.count } == 200_000 - min(size, 50_000))
        #expect(streams[0].pendingBytes == 0)
    }

    @Test("no more than 64 KiB is made ready at once, the rest stays with its stream")
    func outputLimit() throws {
        let (server, streams) = Self.server(streams: 2)
        for stream in streams { server.connection.write(Self.bytes(100_000), on: stream) }
        let first = try #require(server.connection.takeOutput())
        #expect(first.readableBytes <= HTTP2Connection.outputLimit + 9)
        #expect(streams[0].pendingBytes + streams[1].pendingBytes >= 200_000 - first.readableBytes)
        #expect(server.connection.hasOutput)
    }

    @Test("a writer is stopped at 64 KiB that can't be sent, and told to go on below 16 KiB")
    func watermarks() {
        let (server, streams) = Self.server(streams: 1, window: 0)
        let stream = streams[0]
        server.connection.write(Self.bytes(65_535), on: stream)
        #expect(stream.isWritable)
        server.connection.write(Self.bytes(1), on: stream)
        #expect(!stream.isWritable)
        server.receive(.windowUpdate(1, 49_152))
        _ = server.sent()
        #expect(server.told == [] && !stream.isWritable && stream.pendingBytes == 16_384)
        server.receive(.windowUpdate(1, 1))
        _ = server.sent()
        #expect(server.told == [.writable(1)] && stream.isWritable)
    }

    @Test("streams take turns, one frame each")
    func turns() {
        let (server, streams) = Self.server(streams: 3, window: 0)
        for (stream, count) in zip(streams, [50_000, 40_000, 5]) {
            server.connection.write(Self.bytes(count), on: stream)
        }
        server.receive(.windowUpdate(1, 100_000), .windowUpdate(3, 100_000), .windowUpdate(5, 100_000))
        let order = server.sent().filter { $0.type == 0 }
        #expect(order.map(\.stream) == [1, 3, 5, 1, 3, 1, 3, 1])
    }

    @Test("a small stream waits behind one frame of each other that has more to send", arguments: [1, 2, 10])
    func fairness(bulks: Int) {
        let (server, streams) = Self.server(streams: bulks + 1)
        for stream in streams.dropLast() { server.connection.write(Self.bytes(1_000_000), on: stream) }
        // What is ready has gone, and the transport asks for more.
        _ = server.connection.takeOutput()
        server.connection.write(Self.bytes(5, 9), on: streams[bulks])
        var before = 0
        for frame in server.sent() {
            if frame.stream == streams[bulks].id { break }
            before += 1
        }
        #expect(before <= bulks)
    }

    @Test("where others wait for their turn, so does who comes later")
    func noOvertaking() {
        let (server, streams) = Self.server(streams: 2)
        server.connection.sendWindow = 0
        server.connection.write(Self.bytes(5), on: streams[0])
        server.receive(.windowUpdate(0, 100))
        server.connection.write(Self.bytes(5), on: streams[1])
        #expect(server.sent().map(\.stream) == [1, 3])
    }

    @Test("what waited is lost with a reset, and nobody is told of the stream again")
    func reset() {
        let (server, streams) = Self.server(streams: 2, window: 0)
        for stream in streams { server.connection.write(Self.bytes(100_000), on: stream) }
        server.connection.reset(streams[0], .cancel)
        server.connection.reset(streams[0], .internalError)
        #expect(streams[0].isClosed && streams[0].pendingBytes == 0)
        server.receive(.windowUpdate(1, 100_000), .data(1, "x", end: true), .reset(1), .windowUpdate(3, 100_000))
        let frames = server.sent()
        #expect(frames.first == .reset(1, .cancel))
        #expect(frames.dropFirst().allSatisfy { $0.stream == 3 })
        #expect(server.told == [.writable(3)])
    }

    @Test("a user who resets while events wait hears no more")
    func resetMeanwhile() {
        let (server, streams) = Self.server(streams: 2)
        server.onEvent = { [unowned server] in
            if case .data(let stream, _) = $0 { server.connection.reset(stream, .cancel) }
        }
        server.receive(.data(1, "x", end: true))
        #expect(server.told == [.data(1, "x")])
        server.onEvent = { [unowned server] in
            if case .closed(let stream, _) = $0, stream.id != 3 { server.connection.reset(streams[1], .cancel) }
        }
        server.receive(.headers(9, .websocket), .headers(11, .websocket))
        server.forget()
        server.connection.fail(HTTP2Failure(.noError, "x"))
        server.handleEvents()
        #expect(
            server.told == [
                .closed(3, .connectionLost), .closed(9, .connectionLost), .closed(11, .connectionLost),
                .failed(.noError),
            ])
    }

    @Test("a handler may write, end, reset, open and fail while events of its connection are handled")
    func reentrancy() {
        let (server, streams) = Self.server(streams: 3)
        server.onEvent = { [unowned server] event in
            switch event {
            case .data(let stream, let bytes) where stream.id == 1:
                server.connection.write(bytes, on: streams[1])
                server.connection.write(bytes, on: stream)
                _ = server.connection.takeOutput()
                server.connection.write(Self.bytes(1), on: streams[2])
            case .ended(let stream, _):
                server.connection.end(stream)
                server.connection.reset(streams[1], .cancel)
            case .request:
                server.connection.fail(HTTP2Failure(.internalError, "in the middle"))
            default: break
            }
        }
        server.receive(.data(1, "abc"), .data(1, "de", end: true), .data(3, "late"), .data(5, "x"))
        #expect(server.told == [.data(1, "abcde"), .ended(1), .data(5, "x")])
        #expect(server.connection.streamCount == 1)
        server.forget()
        server.receive(.headers(7, .websocket), .data(5, "y"))
        #expect(
            server.told == [
                .request(7, path: "/chat", ends: false), .closed(5, .connectionLost), .closed(7, .connectionLost),
                .failed(.internalError),
            ])
    }

    @Test("streams that a peer opens, stalls and resets leave nothing in line")
    func stalledStreams() {
        let server = Endpoint.ready(.server, settings: .settings((4, 1000)))
        server.connection.sendWindow = 0
        for number in 0..<5000 {
            let id = UInt32(2 * number + 1)
            server.receive(.headers(id, .websocket))
            guard let stream = server.streams[id] else { continue }
            server.connection.respond(HTTPResponse(status: .ok), on: stream)
            server.connection.write(Self.bytes(10), on: stream)
            server.receive(.reset(id))
            server.forget()
        }
        #expect(server.connection.ready.count <= 64)
        #expect(server.connection.streamCount == 0)
    }

    @Test("padding is given back to the stream's window at once, content when it is consumed")
    func consumed() {
        let (server, streams) = Self.server(streams: 1)
        server.consumes = false
        for _ in 0..<150 { server.receive(.paddedData(1, [1], padding: 255)) }
        let updates = server.sent().filter { $0.type == 8 && $0.stream == 1 }
        #expect(updates.map { $0.word() } == [128 * 256], "half a window")
        server.connection.consumed(150, of: streams[0], now: server.now)
        #expect(server.sent() == [])
        server.receive(.data(1, "", end: true))
        server.connection.consumed(100_000, of: streams[0], now: server.now)
        #expect(server.sent() == [], "nothing more comes on a stream that has ended")
    }
}
