import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

@Suite("A connection's beginning and end (RFC 9113 §3.4, §5.4, §6.8)")
struct HTTP2ConnectionTests {
    typealias Streams = HTTP2ConnectionReceivingTests

    @Test("a server begins with SETTINGS and a window for the connection")
    func serverPreface() {
        let server = Endpoint(.server, maxStreams: 77, maxHeaderListSize: 5000)
        let window = UInt32(HTTP2Connection.connectionWindow - 65_535)
        #expect(server.sent() == [.settings((3, 77), (6, 5000), (8, 1)), .windowUpdate(0, window)])
        let plain = Endpoint(.server, maxStreams: 1, maxHeaderListSize: 9, offersConnect: false)
        #expect(plain.sent().first == .settings((3, 1), (6, 9)))
    }

    @Test("a client begins with the preface, and allows no pushed streams")
    func clientPreface() {
        let client = Endpoint(.client, maxHeaderListSize: 5000)
        let bytes = client.sentBytes()
        #expect(bytes.starts(with: Frame.preface))
        #expect(Frame.all(in: Array(bytes.dropFirst(24))).first == .settings((2, 0), (6, 5000)))
    }

    @Test("a client opens streams once the server's SETTINGS are here, in as many as they allow")
    func freeStreams() {
        let client = Endpoint(.client)
        #expect(client.connection.freeStreams == 0)
        #expect(client.openWebSocket() == nil)
        #expect(!client.connection.hasPeerSettings)
        client.receive(.settings((3, 2), (8, 1)))
        #expect(client.connection.hasPeerSettings && client.connection.peerSettings.enableConnectProtocol)
        #expect(!client.connection.isAcknowledged)
        client.receive(.settingsAck)
        #expect(client.connection.isAcknowledged)
        #expect(client.connection.freeStreams == 2)
        #expect([client.openWebSocket()?.id, client.openWebSocket()?.id, client.openWebSocket()?.id] == [1, 3, nil])
        client.receive(.reset(1))
        #expect(client.openWebSocket()?.id == 5, "numbers only grow")
        client.receive(.goAway(5))
        client.receive(.reset(3))
        #expect(client.connection.freeStreams == 0 && client.openWebSocket() == nil)
    }

    @Test("without a limit as many streams as there are numbers for, and no more")
    func numbers() {
        let client = Endpoint.ready(.client, settings: .settings())
        #expect(client.connection.freeStreams > 1 << 30)
        client.connection.nextStream = 0x7FFF_FFFD
        #expect(!client.connection.isExhausted)
        #expect(client.openWebSocket()?.id == 0x7FFF_FFFD)
        #expect(client.connection.isExhausted)
        #expect(client.connection.freeStreams == 0 && client.openWebSocket() == nil)
    }

    @Test("GOAWAY names the last stream, and streams behind it are neither opened nor answered")
    func goAway() {
        let server = Endpoint.ready(.server)
        Streams.agreed(server)
        server.receive(.headers(5, .get))
        server.forget()
        server.connection.sendGoAway(.noError, "restarting")
        server.connection.sendGoAway(.noError, "again")
        #expect(server.sent() == [.goAway(5, .noError, "restarting")])
        server.receive(.headers(7, .websocket), .data(7, "x"), .data(1, "y"), .reset(7), .windowUpdate(7, 1))
        #expect(server.told == [.data(1, "y")])
        server.receive(.headers(9, .get, end: true), .settings((3, 1)))
        #expect(server.told == [.data(1, "y"), .settings])
        #expect(server.sent() == [.settingsAck])
        // §6.8: the value never grows.
        server.connection.fail(HTTP2Failure(.internalError, "x"))
        #expect(server.sent().map(\.essence) == [.goAway(5, .internalError)])
    }

    @Test("DATA on a stream that was never opened is a fault behind GOAWAY, too")
    func goAwayIdle() {
        let server = Endpoint.ready(.server)
        server.connection.sendGoAway()
        server.receive(.data(9, "x"))
        #expect(server.told == [.failed(.protocolError)])
    }

    @Test("a failure ends each stream once, then tells why, and nothing comes or goes any more")
    func failing() {
        let server = Endpoint.ready(.server)
        server.receive(.headers(3, .websocket), .headers(1_001, .get, end: true), .headers(1_003, .websocket))
        let streams = server.streams
        server.forget()
        server.connection.fail(HTTP2Failure(.enhanceYourCalm, "enough"))
        server.connection.fail(HTTP2Failure(.internalError, "once more"))
        server.handleEvents()
        #expect(
            server.told == [
                .closed(3, .connectionLost), .closed(1_001, .connectionLost), .closed(1_003, .connectionLost),
                .failed(.enhanceYourCalm),
            ])
        #expect(server.connection.failure == HTTP2Failure(.enhanceYourCalm, "enough"))
        #expect(server.sent() == [.goAway(1_003, .enhanceYourCalm, "enough")])
        for stream in streams.values {
            #expect(stream.isClosed)
            server.connection.write(ByteBuffer(string: "x"), on: stream)
            server.connection.respond(HTTPResponse(status: .ok), on: stream)
            server.connection.end(stream)
            server.connection.reset(stream, .cancel)
            server.connection.consumed(1, of: stream, now: server.now)
        }
        server.connection.ping(1)
        server.connection.sendGoAway()
        server.receive(.ping(1))
        #expect(server.sent() == [] && !server.connection.hasOutput)
        #expect(server.connection.streamCount == 0)
    }

    @Test("what came behind a fault is let go with the connection")
    func unread() {
        let server = Endpoint.ready(.server)
        server.receive([.data(9, "idle")] + (0..<100).map { _ in .data(1, [UInt8](repeating: 7, count: 16_384)) })
        #expect(server.told == [.failed(.protocolError)])
        #expect(server.connection.reader.heldBytes == 0 && server.connection.reader.storageBytes < 1000)
    }

    @Test("a transport that is gone ends each stream, and there is nothing to say")
    func transportClosed() {
        let client = Endpoint.ready(.client)
        _ = (client.openWebSocket(), client.openWebSocket())
        client.forget()
        client.connection.transportClosed()
        client.connection.transportClosed()
        client.handleEvents()
        #expect(client.told == [.closed(1, .connectionLost), .closed(3, .connectionLost)])
        #expect(client.connection.freeStreams == 0)
    }

    @Test("what is begun and not complete shows")
    func insideFrame() {
        let server = Endpoint.ready(.server)
        #expect(!server.connection.isInsideFrame)
        server.receive(Array(Frame.ping(1).bytes.prefix(3)))
        #expect(server.connection.isInsideFrame)
        server.receive(Array(Frame.ping(1).bytes.dropFirst(3)))
        #expect(!server.connection.isInsideFrame)
    }

    @Test("what the windows of streams have grown by is given back with them")
    func growthBudget() {
        let server = Endpoint.ready(.server)
        let whole = server.connection.growthBudget
        for id: UInt32 in [1, 3, 5] {
            server.receive(.headers(id, .websocket))
            for _ in 0..<40 { server.receive(.data(id, [UInt8](repeating: 7, count: 16_384))) }
        }
        #expect(server.connection.growthBudget < whole)
        server.receive(.reset(1), .data(3, "", end: true))
        if let stream = server.streams[3] { server.connection.end(stream) }
        if let stream = server.streams[5] { server.connection.reset(stream, .cancel) }
        #expect(server.connection.streamCount == 0)
        #expect(server.connection.growthBudget == whole)
    }

    @Test("names of errors are those of §7")
    func names() {
        #expect(HTTP2ErrorCode.noError.name == "NO_ERROR")
        #expect(HTTP2ErrorCode.refusedStream.name == "REFUSED_STREAM")
        #expect(HTTP2ErrorCode(rawValue: 13).name == "HTTP_1_1_REQUIRED")
        #expect(HTTP2ErrorCode(rawValue: 14).name == "error 14")
        #expect(HTTP2ErrorCode(rawValue: .max).name == "error 4294967295")
        #expect("\(HTTP2Failure(.frameSizeError, "x"))" == "FRAME_SIZE_ERROR: x")
    }
}
