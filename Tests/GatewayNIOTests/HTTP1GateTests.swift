import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import GatewayNIO

@Suite("What is let through to the HTTP/1.1 parser")
struct HTTP1GateTests {
    private static let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

    /// Takes what comes, as a session would.
    private final class Taker: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var taken = ""
        var sawEnd = false

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            taken += String(buffer: unwrapInboundIn(data))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { sawEnd = true }
        }
    }

    private func passed(_ channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let bytes = try channel.readInbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    private func feed(_ text: String, by size: Int, to channel: EmbeddedChannel) throws {
        var bytes = ByteBuffer(string: text)
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            try channel.writeInbound(piece)
        }
    }

    /// Is told of the head, as the parser tells a handshake, and takes what is behind it or lets it pass.
    private final class Owner: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer
        let head: String
        let gate: HTTP1Gate
        private var seen = ""

        init(head: String, gate: HTTP1Gate) {
            self.head = head
            self.gate = gate
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            seen += String(buffer: unwrapInboundIn(data))
            if seen == head { gate.hold() }
            context.fireChannelRead(data)
        }
    }

    @Test(
        "behind a change of protocols bytes wait for whoever takes over, and the end comes behind them",
        arguments: [
            Self.switching, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + Self.switching,
        ], [1, 5, 10_000])
    func holds(head: String, size: Int) throws {
        let gate = HTTP1Gate(maxLength: 1000)
        let channel = EmbeddedChannel(handlers: [gate, Owner(head: head, gate: gate)])
        try feed(head + "frames", by: size, to: channel)
        #expect(try passed(channel) == head)
        let taker = Taker()
        let rest = try gate.makeWay(for: taker)
        #expect(rest.map { String(buffer: $0) } == "frames")
        try feed(" and more", by: size, to: channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(taker.taken == " and more")
        #expect(taker.sawEnd)
        #expect(try passed(channel) == "")
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test(
        "what nobody holds passes",
        arguments: [
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno\r\n\r\nno",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ], [1, 7, 10_000])
    func passesContent(response: String, size: Int) throws {
        let channel = EmbeddedChannel(handler: HTTP1Gate(maxLength: 1000))
        try feed(response, by: size, to: channel)
        #expect(try passed(channel) == response)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test("what is not wanted any more is thrown away")
    func discards() throws {
        let head = "GET / HTTP/1.1\r\n\r\n"
        let gate = HTTP1Gate(maxLength: 1000)
        let channel = EmbeddedChannel(handlers: [gate, Owner(head: head, gate: gate)])
        try feed(head + "held", by: 10_000, to: channel)
        gate.discard()
        try feed("more", by: 1, to: channel)
        #expect(try passed(channel) == head)
        #expect(try gate.makeWay(for: Taker()) == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test("a head that does not end is refused at the limit", arguments: [1, 100, 2000])
    func limit(size: Int) throws {
        let channel = EmbeddedChannel(handler: HTTP1Gate(maxLength: 1000))
        #expect(throws: HTTPParserError.headerOverflow) {
            try feed("GET / HTTP/1.1\r\nX: " + String(repeating: " ", count: 2000), by: size, to: channel)
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    // MARK: One message after the other

    /// Reads messages as a connection does: says how each is framed, and asks for the next when told to.
    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        let gate: HTTP1Gate
        let framing: (HTTPRequestHead) -> HTTP1Framing
        let asksAtOnce: Bool
        var seen: [String] = []
        var problem: (any Error)?

        init(_ gate: HTTP1Gate, asksAtOnce: Bool, framing: @escaping (HTTPRequestHead) -> HTTP1Framing) {
            self.gate = gate
            self.asksAtOnce = asksAtOnce
            self.framing = framing
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                seen.append(head.uri)
                gate.expect(framing(head))
            case .body(let bytes):
                seen.append(String(buffer: bytes))
            case .end:
                seen.append("end")
                gate.messageEnded()
                if asksAtOnce { gate.next() }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { problem = error }
    }

    private static func framing(of head: HTTPRequestHead) -> HTTP1Framing {
        if head.headers.contains(name: "transfer-encoding") { return .chunked }
        return head.headers.first(name: "content-length").flatMap(Int.init).map { .length($0) } ?? .none
    }

    private func reader(
        asksAtOnce: Bool, framing: @escaping (HTTPRequestHead) -> HTTP1Framing = Self.framing
    ) -> (EmbeddedChannel, HTTP1Gate, Reader) {
        let gate = HTTP1Gate(maxLength: 1000)
        let reader = Reader(gate, asksAtOnce: asksAtOnce, framing: framing)
        let channel = EmbeddedChannel(handlers: [
            gate, ByteToMessageHandler(HTTPRequestDecoder()), reader,
        ])
        return (channel, gate, reader)
    }

    private static let messages = [
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: 1\r\n\r\n",
        "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
    ]

    @Test("each message waits until the one before it is answered", arguments: [1, 7, 10_000])
    func oneAtATime(size: Int) throws {
        let (channel, gate, reader) = reader(asksAtOnce: false)
        try feed(Self.messages.joined(), by: size, to: channel)
        for number in 1...4 {
            #expect(reader.seen.first == "/\(number)")
            #expect(reader.seen.last == "end")
            #expect(reader.seen.filter { $0.hasPrefix("/") }.count == 1)
            #expect(gate.isQuiet == (number == 4))
            reader.seen = []
            gate.next()
        }
        #expect(reader.seen == [])
        #expect(reader.problem == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test("thousands of messages in one read pass in order, however soon they are answered")
    func many() throws {
        let (channel, _, reader) = reader(asksAtOnce: true)
        try feed(String(repeating: Self.messages.joined(), count: 5000), by: 1_000_000, to: channel)
        #expect(reader.seen.filter { $0 == "end" }.count == 20_000)
        #expect(reader.seen.prefix(8) == ["/1", "end", "/2", "hello", "end", "/3", "hi", "end"])
        #expect(reader.problem == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test(
        "a message that the parser and the gate end at different places goes no further",
        arguments: [HTTP1Framing.none, .length(4), .chunked])
    func disagreement(framing: HTTP1Framing) throws {
        let (channel, gate, reader) = reader(asksAtOnce: true) { _ in framing }
        try? feed(Self.messages[1] + Self.messages[0], by: 10_000, to: channel)
        #expect(reader.problem is HTTP1Gate.BadContent)
        #expect(!reader.seen.contains("/1"))
        #expect(!gate.isQuiet)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    // MARK: Messages that need no parser

    /// Reads what is written plainly, as a connection does, and leaves the rest to a parser.
    private final class PlainReader: HTTP1PlainReader {
        let channel: EmbeddedChannel
        let gate: HTTP1Gate
        let reader: Reader
        private var hasParser = false

        init(_ channel: EmbeddedChannel, _ gate: HTTP1Gate, _ reader: Reader) {
            self.channel = channel
            self.gate = gate
            self.reader = reader
        }

        func readPlainHead(_ head: ByteBuffer) -> HTTP1Framing? {
            guard let request = HTTP1Request(plain: head, scheme: "http") else { return nil }
            var framing = HTTP1Framing.none
            if case .length(let length) = request.content { framing = .length(length) }
            reader.seen.append("plain " + (request.request.path ?? ""))
            gate.expect(framing)
            return framing
        }

        func readPlainContent(_ bytes: ByteBuffer) { reader.seen.append(String(buffer: bytes)) }

        func plainMessageEnded() {
            reader.seen.append("end")
            gate.messageEnded()
            if reader.asksAtOnce { gate.next() }
        }

        func plainReadingFailed(_ error: any Error) { reader.problem = error }

        func prepareParser() throws {
            reader.seen.append("parser")
            guard !hasParser else { return }
            hasParser = true
            try channel.pipeline.syncOperations.addHandler(
                ByteToMessageHandler(HTTPRequestDecoder()), position: .before(reader))
        }
    }

    private func plainReader() throws -> (EmbeddedChannel, Reader, PlainReader) {
        let gate = HTTP1Gate(maxLength: 1000)
        let reader = Reader(gate, asksAtOnce: true, framing: Self.framing)
        let channel = EmbeddedChannel(handlers: [gate, reader])
        let plain = PlainReader(channel, gate, reader)
        gate.reader = plain
        return (channel, reader, plain)
    }

    @Test("plain messages go around the parser, the others between them through it")
    func goesAround() throws {
        let (channel, reader, _) = try plainReader()
        try feed(Self.messages.joined() + Self.messages[2] + Self.messages[0], by: 10_000, to: channel)
        #expect(
            reader.seen == [
                "plain /1", "end", "plain /2", "hello", "end", "parser", "/3", "hi", "end", "plain /4",
                "end",
                "parser", "/3", "hi", "end", "plain /1", "end",
            ])
        #expect(reader.problem == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test("a head that comes in pieces is for the parser", arguments: [1, 7, 20])
    func pieces(size: Int) throws {
        let (channel, reader, _) = try plainReader()
        try feed(Self.messages[0], by: size, to: channel)
        #expect(reader.seen == ["parser", "/1", "end"])
        try feed(Self.messages[3], by: 10_000, to: channel)
        #expect(reader.seen.suffix(2) == ["plain /4", "end"])
        #expect(reader.problem == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test(
        "content of a plain message comes in any pieces, and ends where its length says",
        arguments: [40, 55, 57, 60])
    func plainContent(size: Int) throws {
        let (channel, reader, _) = try plainReader()
        try feed(Self.messages[1], by: 57, to: channel)
        try feed(Self.messages[1] + Self.messages[0], by: size, to: channel)
        #expect(
            reader.seen.filter {
                !$0.hasPrefix("plain") && $0 != "parser" && $0 != "end" && !$0.hasPrefix("/")
            }
            .joined() == "hellohello")
        #expect(reader.seen.filter { $0 == "end" }.count == 3)
        #expect(reader.problem == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    /// Reads what is written plainly from a gate that is in no pipeline, until something needs a parser.
    private final class LonelyReader: HTTP1PlainReader {
        struct NoParser: Error {}
        let gate: HTTP1Gate
        var seen: [String] = []
        var problem: (any Error)?

        init(_ gate: HTTP1Gate) { self.gate = gate }

        func readPlainHead(_ head: ByteBuffer) -> HTTP1Framing? {
            guard let request = HTTP1Request(plain: head, scheme: "http") else { return nil }
            seen.append(request.request.path ?? "")
            gate.hold()
            return HTTP1Framing.none
        }

        func readPlainContent(_ bytes: ByteBuffer) {}
        func plainMessageEnded() { seen.append("end") }
        func prepareParser() throws { throw NoParser() }
        func plainReadingFailed(_ error: any Error) { problem = error }
    }

    @Test("a gate in no pipeline holds what stands behind a plain head")
    func lonely() throws {
        let gate = HTTP1Gate(maxLength: 1000)
        let reader = LonelyReader(gate)
        gate.reader = reader
        gate.receive(ByteBuffer(string: Self.messages[0] + "fra"))
        gate.receive(ByteBuffer(string: "mes"))
        #expect(reader.seen == ["/1", "end"])
        #expect(gate.heldBytes == 6)
        #expect(gate.leave().map { String(buffer: $0) } == "frames")
        #expect(gate.leave() == nil)
        #expect(reader.problem == nil)
    }

    @Test(
        "a gate in no pipeline tells its reader of a head over the limit, and that there is no parser")
    func lonelyFailures() throws {
        let gate = HTTP1Gate(maxLength: 1000)
        let reader = LonelyReader(gate)
        gate.reader = reader
        gate.receive(ByteBuffer(string: "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 2000)))
        #expect(reader.problem as? HTTPParserError == .headerOverflow)
        let other = HTTP1Gate(maxLength: 1000)
        let otherReader = LonelyReader(other)
        other.reader = otherReader
        other.receive(ByteBuffer(string: "GET / HTTP/1.0\r\n\r\n"))
        #expect(otherReader.problem is LonelyReader.NoParser)
    }
}
