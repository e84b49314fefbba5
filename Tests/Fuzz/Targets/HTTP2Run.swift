import HTTPTypes
import NIOCore

@testable import HTTP2Core

/// One connection with a user who acts on what it is told, and what each of its streams may still be told.
final class HTTP2Run {
    struct Choices {
        var role: HTTP2Connection.Role
        var isFramed: Bool
        var responds: Bool
        var echoes: Bool
        var consumes: Bool
        var offersConnect: Bool
        var isNarrow: Bool
        /// Stream to reset at the first event that tells of it; 0: none.
        var resets: UInt32
        /// Sends GOAWAY with the second stream that is told of.
        var leaves: Bool

        init(_ bits: UInt8, _ more: UInt8) {
            role = bits & 1 == 0 ? .server : .client
            isFramed = bits & 2 != 0
            responds = bits & 4 == 0
            echoes = bits & 8 != 0
            consumes = bits & 16 == 0
            offersConnect = bits & 32 == 0
            isNarrow = bits & 64 != 0
            resets = more & 1 == 0 ? 0 : UInt32(more & 15)
            leaves = more & 16 != 0
        }
    }

    /// An event, as far as it has to be the same however the input is split.
    struct Told: Equatable, CustomStringConvertible {
        var text: String
        var stream: HTTP2StreamID = 0
        /// Of content alone.
        var bytes: [UInt8] = []

        var description: String { bytes.isEmpty ? text : "content of \(stream): \(bytes)" }
    }

    /// What became of a stream, as it was told.
    private struct Life {
        var stream: HTTP2Stream
        var isOurs: Bool
        var hasHead = false
        var hasEnded = false
        var isOver = false
        var content = 0
    }

    static let maxHeaderListSize = 2048

    let connection: HTTP2Connection
    private let choices: Choices
    private let fields: HTTP2Fields
    private var judge: HTTP2Judge
    private var lives: [HTTP2StreamID: Life] = [:]
    private var isFailed = false
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private var received = 0
    private var lastRequest: HTTP2StreamID = 0
    /// What was told, content in a row as one piece.
    private(set) var story: [Told] = []
    /// So much content that when it was consumed could change what happens.
    private(set) var isLarge = false

    /// - Parameter fields: what the input says of field values.
    init(_ choices: Choices, fields: HTTP2Fields) throws {
        self.choices = choices
        self.fields = fields
        let limits = HTTP2Limits(
            maxStreams: choices.isNarrow ? 2 : 50, maxHeaderListSize: Self.maxHeaderListSize,
            offersConnectProtocol: choices.role == .server && choices.offersConnect)
        connection = HTTP2Connection(role: choices.role, limits: limits)
        judge = HTTP2Judge(isClient: choices.role == .client)
        try flush()
    }

    /// What comes before the input: a client's peer grants streams, so that some can be opened.
    func begin() throws {
        guard choices.role == .client else {
            try receive(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0], preface: true)
            return
        }
        try receive([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1])
        for number in 0..<3 {
            var request = HTTPRequest(method: .connect, scheme: "https", authority: "a", path: "/\(number)")
            if number == 1 { request = HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/") }
            if number != 1 { request.extendedConnectProtocol = "websocket" }
            guard let stream = connection.open(request, endsStream: number == 1) else {
                throw BrokenInvariant("a stream can't be opened")
            }
            lives[stream.id] = Life(stream: stream, isOurs: true)
            if choices.echoes { connection.write(ByteBuffer(repeating: 1, count: 3), on: stream) }
        }
        try flush()
    }

    func receive(_ bytes: [UInt8], preface: Bool = false) throws {
        received += bytes.count
        judge.peerSends(bytes, preface: preface)
        connection.receive(ByteBuffer(bytes: bytes))
        try handleEvents()
        try flush()
        try judgeBounds()
    }

    private func handleEvents() throws {
        while let event = connection.nextEvent(now: now) { try handle(event) }
    }

    private func flush() throws {
        while let output = connection.takeOutput() {
            try require(output.readableBytes <= HTTP2Connection.unreadLimit + (1 << 20), "\(output) at once")
            try judge.take(output.readableBytesView)
            try handleEvents()
        }
        judge.settled()
        if connection.failure != nil { judge.failed() }
    }

    // MARK: What is told

    private func handle(_ event: HTTP2Event) throws {
        try require(!isFailed, "\(event) is told behind the failure")
        switch event {
        case .request(let stream, let request, let ends):
            tell("request \(stream.id) \((try? request.get().path) ?? "-") \(ends)")
            try require(choices.role == .server && lives[stream.id] == nil, "stream \(stream.id) is opened again")
            try require(stream.id > lastRequest, "stream \(stream.id) is opened behind \(lastRequest)")
            lastRequest = stream.id
            try fields.judge(request, of: stream.id)
            lives[stream.id] = Life(stream: stream, isOurs: false, hasHead: true, hasEnded: ends)
            respond(to: stream, request)
            if choices.leaves, lives.count == 2 { connection.sendGoAway(.noError, "leaving") }
        case .informed(let stream, let response):
            tell("informed \(stream.id) \(response.status.code)")
            try require(response.status.kind == .informational, "a final response is told as an interim one")
            try change(stream, "an interim response") { life in
                try require(life.isOurs && !life.hasHead, "an interim response is told behind the final one")
            }
        case .response(let stream, let response):
            tell("response \(stream.id) \(response.status.code)")
            try change(stream, "a response") { life in
                try require(life.isOurs && !life.hasHead && !life.hasEnded, "a response is told again")
                life.hasHead = true
            }
        case .data(let stream, let bytes):
            try tellContent(bytes, of: stream)
        case .ended(let stream, let trailers):
            tell("ended \(stream.id) \(trailers?.count ?? 0)")
            try require(trailers?.isEmpty != true, "trailers are told that are none")
            try change(stream, "an end") { life in
                try require(life.hasHead && !life.hasEnded, "an end is told too early or again")
                life.hasEnded = true
            }
            if choices.echoes { connection.end(stream) }
        case .closed(let stream, let reason):
            tell("closed \(stream.id) \(reason)")
            try change(stream, "a close") { $0.isOver = true }
            try require(stream.isClosed, "stream \(stream.id) is told to be closed, and isn't")
        case .writable(let stream):
            try change(stream, "room") { _ in }
            try require(stream.isWritable, "stream \(stream.id) is told to be writable, and isn't")
        case .settings: tell("settings")
        case .pong(let value): tell("pong \(value)")
        case .goAway(let code, let text): tell("GOAWAY \(code.rawValue) \(text.readableBytes)")
        case .failed(let failure):
            tell("failed \(failure.code.rawValue)")
            isFailed = true
            try require(connection.failure == failure && connection.streamCount == 0, "it has failed, and goes on")
        }
    }

    private func tell(_ text: String) { story.append(Told(text: text)) }

    private func change(
        _ stream: HTTP2Stream, _ what: String, mayReset: Bool = true, _ body: (inout Life) throws -> Void
    ) throws {
        guard var life = lives[stream.id], life.stream === stream else {
            throw BrokenInvariant("\(what) is told of stream \(stream.id), which nobody knows")
        }
        try require(!life.isOver, "\(what) is told of stream \(stream.id), which is over")
        try body(&life)
        lives[stream.id] = life
        if mayReset, choices.resets == stream.id {
            connection.reset(stream, .cancel)
            lives[stream.id]?.isOver = true
        }
    }

    private func tellContent(_ bytes: ByteBuffer, of stream: HTTP2Stream) throws {
        try require(bytes.readableBytes > 0, "empty content is told")
        if story.last?.stream != stream.id || story.last?.bytes.isEmpty == true {
            story.append(Told(text: "content", stream: stream.id))
        }
        story[story.count - 1].bytes += bytes.readableBytesView
        // Content comes in other pieces when the input does.
        try change(stream, "content", mayReset: false) { life in
            try require(life.hasHead && !life.hasEnded, "content is told outside of a message")
            life.content += bytes.readableBytes
            if life.content > 30_000 { isLarge = true }
        }
        if choices.consumes { connection.consumed(bytes.readableBytes, of: stream, now: now) }
        if choices.echoes { connection.write(bytes, on: stream) }
    }

    private func respond(to stream: HTTP2Stream, _ request: Result<HTTPRequest, HTTP2RequestError>) {
        guard choices.responds else { return }
        let isTunnel = (try? request.get().extendedConnectProtocol) != nil
        connection.respond(HTTPResponse(status: isTunnel ? .ok : .notFound), on: stream, endsStream: !isTunnel)
    }

    // MARK: What is held

    private func judgeBounds() throws {
        let held = connection.reader.heldBytes
        try require(held <= 16_384 + 9 + 4 * Self.maxHeaderListSize, "\(held) bytes of frames are held")
        let limit = choices.role == .server ? (choices.isNarrow ? 2 : 50) : 3
        try require(connection.streamCount <= limit, "\(connection.streamCount) streams are open")
        try require(
            connection.ready.count <= 2 * connection.streamCount + 65, "\(connection.ready.count) streams in line")
        // Answers, acknowledgements and resets: never much more than came.
        let most = 2000 + 4 * received
        try require(judge.controlBytes <= most, "\(judge.controlBytes) bytes of control frames for \(received)")
        var waiting = 0
        for stream in connection.streams.all { waiting += stream.pendingBytes }
        try require(waiting <= received + 9, "\(waiting) bytes wait to be sent, of \(received) that came")
    }

    /// The transport is gone: every stream that is open is told so, once.
    func end() throws {
        connection.transportClosed()
        try handleEvents()
        tell("over")
        try require(connection.streamCount == 0, "streams outlive their connection")
        for (id, life) in lives {
            try require(life.stream.isClosed && life.stream.pendingBytes == 0, "stream \(id) outlives its connection")
        }
        if connection.failure != nil, isFailed {
            try require(judge.goAwayCode == connection.failure?.code.rawValue, "GOAWAY names another error")
        }
    }
}
