import Foundation
import HTTP2Core
import HTTPTypes
import NIOCore
import Testing

@testable import GatewayNIO
@testable import SocketTransport

@Suite("An HTTP/2 connection on a socket")
struct HTTP2HandlerTests {
    @Test("what all streams have to say in a turn leaves in one write, WINDOW_UPDATE too")
    func oneWrite() throws {
        let pair = try HTTP2Pair(streams: 5)
        func send(_ count: Int) {
            for ear in pair.clientEars {
                pair.client.connection.write(ByteBuffer(repeating: 97, count: count), on: ear.stream)
            }
            pair.client.scheduleFlush()
            pair.settle()
        }
        send(40_000)
        pair.calls.writes = 0
        for ear in pair.serverEars {
            pair.server.consumed(40_000, of: ear.stream)
            pair.server.connection.write(ByteBuffer(string: "hello"), on: ear.stream)
            pair.server.scheduleFlush()
        }
        pair.settle()
        #expect(pair.calls.writes == 1)
        #expect(pair.clientEars.map(\.bytes) == Array(repeating: "hello", count: 5))
        send(65_535)
        #expect(pair.clientEars.allSatisfy { $0.stream.pendingBytes == 0 }, "the windows are whole again")
    }

    @Test("what came for many streams is told in one turn, and each reader is told once that it was all")
    func readersToldOnce() throws {
        let pair = try HTTP2Pair(streams: 3)
        for ear in pair.clientEars {
            for text in ["a", "b"] { pair.client.connection.write(ByteBuffer(string: text), on: ear.stream) }
        }
        pair.client.scheduleFlush()
        pair.settle()
        #expect(pair.serverEars.map(\.bytes) == ["ab", "ab", "ab"])
        #expect(pair.serverEars.map(\.completions) == [1, 1, 1])
    }

    @Test("content is handed on where it was read, and a cut frame does not keep that memory")
    func inPlace() throws {
        let pair = try HTTP2Pair(streams: 1)
        let stream = try #require(pair.clientEars.first?.stream)
        let ear = try #require(pair.serverEars.first)
        for _ in 0..<5 {
            pair.client.connection.write(ByteBuffer(string: "hello"), on: stream)
            pair.client.scheduleFlush()
            pair.settle()
            // The beginning of a PING: what is kept of it is a copy.
            pair.clientSocket.write(ByteBuffer(bytes: [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2]))
            pair.clientSocket.flush()
            pair.settle()
            pair.clientSocket.write(ByteBuffer(bytes: [3, 4, 5, 6, 7, 8]))
            pair.clientSocket.flush()
            pair.settle()
        }
        #expect(ear.bytes == String(repeating: "hello", count: 5))
        #expect(Set(ear.places).count == 1, "each read is in the buffer of the loop")
        #expect(pair.clientOwner.failure == nil && pair.serverOwner.failure == nil)
    }

    @Test("a failure is told to the peer before the end, and each side's owner learns of its end once")
    func failure() throws {
        let pair = try HTTP2Pair(streams: 2)
        pair.server.fail(HTTP2Failure(.enhanceYourCalm, "enough"))
        pair.settle()
        #expect(pair.clientOwner.goAways == [.enhanceYourCalm])
        #expect(pair.serverOwner.failure == HTTP2Failure(.enhanceYourCalm, "enough"))
        #expect(pair.clientOwner.closes == 1 && pair.serverOwner.closes == 1)
        #expect(!pair.client.isOpen && !pair.server.isOpen)
        #expect((pair.serverEars + pair.clientEars).map(\.closures) == [1, 1, 1, 1])
    }

    @Test("a peer that is gone ends its streams, and nothing keeps the connection")
    func gone() throws {
        weak var handler: HTTP2Handler?
        do {
            let pair = try HTTP2Pair(streams: 1)
            handler = pair.server
            pair.clientSocket.close()
            pair.settle()
            #expect(pair.serverOwner.closes == 1 && pair.serverEars.map(\.closures) == [1])
        }
        #expect(handler == nil)
    }
}

/// Both sides of a connection on one loop that the test drives, with WebSockets that the client has opened.
private final class HTTP2Pair {
    let calls = CountedCalls()
    let loop: SocketEventLoop
    let client: HTTP2Handler
    let server: HTTP2Handler
    let clientSocket: StreamSocket
    let clientOwner = Owner()
    let serverOwner = Owner()
    /// Of the client's streams.
    private(set) var clientEars: [Ear] = []

    init(streams: Int) throws {
        loop = try SocketEventLoop(calls: calls)
        loop.begin()
        var ends: [CInt] = [-1, -1]
        try SystemCall.check(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends), "socketpair")
        for end in ends { try SystemCall.setNonBlocking(end) }
        client = HTTP2Handler(
            id: 1,
            connection: HTTP2Connection(role: .client, limits: HTTP2Limits(maxStreams: 0, maxHeaderListSize: 16_384)))
        server = HTTP2Handler(
            id: 2,
            connection: HTTP2Connection(
                role: .server,
                limits: HTTP2Limits(maxStreams: 100, maxHeaderListSize: 16_384, offersConnectProtocol: true)))
        clientOwner.handler = client
        serverOwner.handler = server
        clientSocket = StreamSocket(ends[0], on: loop)
        let serverSocket = StreamSocket(ends[1], on: loop)
        try clientSocket.open()
        try serverSocket.open()
        client.start(on: clientSocket, owner: clientOwner)
        server.start(on: serverSocket, owner: serverOwner)
        settle()
        for number in 0..<streams {
            var request = HTTPRequest(method: .connect, scheme: "http", authority: "a", path: "/\(number)")
            request.extendedConnectProtocol = "websocket"
            if let stream = client.connection.open(request) { clientEars.append(Ear(stream, client)) }
        }
        client.scheduleFlush()
        settle()
    }

    deinit { loop.windUp() }

    /// The same streams, as the server has them.
    var serverEars: [Ear] { serverOwner.ears }

    func settle() { for _ in 0..<20 { _ = loop.turn(limit: 0) } }
}

/// Counts the calls that write.
private final class CountedCalls: SocketCalls {
    var writes = 0

    override func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, isSocket: Bool) -> Int {
        writes += 1
        return super.write(descriptor, bytes, isSocket: isSocket)
    }
}

/// Answers each stream, and notes what is told.
private final class Owner: HTTP2HandlerOwner {
    weak var handler: HTTP2Handler?
    private(set) var ears: [Ear] = []
    private(set) var goAways: [HTTP2ErrorCode] = []
    private(set) var failure: HTTP2Failure?
    private(set) var closes = 0

    func opened(_ stream: HTTP2Stream, _ request: Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool) {
        guard let handler else { return }
        ears.append(Ear(stream, handler))
        handler.connection.respond(HTTPResponse(status: .ok), on: stream)
        handler.scheduleFlush()
    }

    func settingsArrived() {}
    func pongArrived() {}
    func goAwayArrived(_ code: HTTP2ErrorCode, debugData: ByteBuffer) { goAways.append(code) }
    func failed(_ failure: HTTP2Failure) { self.failure = failure }
    func settled() {}
    func closed() { closes += 1 }
}

/// Listens to a stream.
private final class Ear: HTTP2StreamDelegate, HTTP2StreamReader {
    let stream: HTTP2Stream
    private weak var handler: HTTP2Handler?
    private var isTouched = false
    private(set) var bytes = ""
    /// Where the memory of what came begins.
    private(set) var places: [UInt] = []
    private(set) var completions = 0
    private(set) var closures = 0

    init(_ stream: HTTP2Stream, _ handler: HTTP2Handler) {
        self.stream = stream
        self.handler = handler
        stream.delegate = self
    }

    func stream(_ stream: HTTP2Stream, received bytes: ByteBuffer) {
        self.bytes += String(buffer: bytes)
        bytes.withVeryUnsafeBytes { places.append(UInt(bitPattern: $0.baseAddress)) }
        if !isTouched { handler?.touch(self) }
        isTouched = true
    }

    func readComplete() {
        isTouched = false
        completions += 1
    }

    func streamEnded(_ stream: HTTP2Stream, trailers: HTTPFields?) {}
    func stream(_ stream: HTTP2Stream, closed reason: HTTP2StreamClosure) { closures += 1 }
    func streamIsWritable(_ stream: HTTP2Stream) {}
    func stream(_ stream: HTTP2Stream, informed response: HTTPResponse) {}
    func stream(_ stream: HTTP2Stream, received response: HTTPResponse) {}
}
