import HTTPTypes
import NIOCore
import TestSupport

@testable import HTTP2Core

/// One side of a simulated link: a connection and who uses its streams. What it sends on a stream is the same for every
/// run, so that each byte that comes can be judged by its place.
final class SimulatedEnd {
    final class Use {
        let stream: HTTP2Stream
        /// Bytes that were written.
        var written = 0
        var received = 0
        /// Bytes that came and were not consumed.
        var unread = 0
        var isStalled = false
        var hasEnded = false
        var isAnswered = false
        /// The other side has ended.
        var sawEnd = false
        /// Nothing comes or goes any more, by RST_STREAM of either side.
        var isReset = false

        init(_ stream: HTTP2Stream) { self.stream = stream }
    }

    static let pattern: ByteBuffer = {
        var generator = SeededGenerator(seed: 99)
        let bytes = generator.bytes(65_536)
        return ByteBuffer(bytes: bytes + bytes)
    }()

    let role: HTTP2Connection.Role
    let connection: HTTP2Connection
    private(set) var uses: [UInt32: Use] = [:]
    private(set) var problems: [String] = []
    private(set) var pongs: [UInt64] = []
    /// New streams are answered as they come.
    var answers = true
    /// Streams whose content is not consumed as it comes.
    var stalls: Set<UInt32> = []

    init(_ role: HTTP2Connection.Role, maxStreams: Int) {
        self.role = role
        connection = HTTP2Connection(
            role: role,
            limits: HTTP2Limits(
                maxStreams: maxStreams, maxHeaderListSize: 16_384, offersConnectProtocol: role == .server))
    }

    /// In a fixed order, so that a seed is all that decides.
    var open: [Use] { uses.values.filter { !$0.stream.isClosed }.sorted { $0.stream.id < $1.stream.id } }

    // MARK: What it does

    func openStream() {
        var request = HTTPRequest(method: .connect, scheme: "http", authority: "a", path: "/\(uses.count)")
        request.extendedConnectProtocol = "websocket"
        guard let stream = connection.open(request) else { return }
        uses[stream.id] = Use(stream)
        uses[stream.id]?.isAnswered = true
    }

    func answer(_ use: Use) {
        guard role == .server, !use.isAnswered else { return }
        use.isAnswered = true
        connection.respond(HTTPResponse(status: .ok), on: use.stream)
    }

    func write(_ count: Int, on use: Use) {
        guard use.isAnswered, !use.hasEnded, !use.isReset, use.stream.isWritable, count > 0 else { return }
        connection.write(Self.content(use.stream.id, from: role, at: use.written, count), on: use.stream)
        use.written += count
    }

    func end(_ use: Use) {
        guard use.isAnswered, !use.hasEnded, !use.isReset else { return }
        use.hasEnded = true
        connection.end(use.stream)
    }

    func reset(_ use: Use) {
        guard !use.stream.isClosed else { return }
        use.isReset = true
        connection.reset(use.stream, .cancel)
    }

    func consume(_ use: Use, now: NIODeadline) {
        connection.consumed(use.unread, of: use.stream, now: now)
        use.unread = 0
    }

    static func content(_ id: UInt32, from role: HTTP2Connection.Role, at position: Int, _ count: Int) -> ByteBuffer {
        let offset = (position + Int(id) * 7919 + (role == .server ? 31 : 0)) & 0xFFFF
        return pattern.getSlice(at: offset, length: count) ?? ByteBuffer()
    }

    // MARK: What it is told

    func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        connection.receive(bytes)
        handleEvents(now: now)
    }

    func handleEvents(now: NIODeadline) {
        while let event = connection.nextEvent(now: now) { handle(event, now: now) }
    }

    private func handle(_ event: HTTP2Event, now: NIODeadline) {
        switch event {
        case .request(let stream, let request, _):
            if case .failure(let error) = request { problems.append("\(role): bad request: \(error)") }
            let use = Use(stream)
            uses[stream.id] = use
            if answers { answer(use) }
        case .informed: problems.append("\(role): \(event)")
        case .response(let stream, let response):
            if response.status != .ok || use(of: stream) == nil { problems.append("\(role): \(response)") }
        case .data(let stream, let bytes): received(bytes, on: stream, now: now)
        case .ended(let stream, let trailers):
            if trailers != nil { problems.append("\(role): trailers on stream \(stream.id)") }
            guard let use = use(of: stream) else { return }
            if use.sawEnd { problems.append("\(role): stream \(stream.id) ended twice") }
            use.sawEnd = true
        case .closed(let stream, let reason):
            guard let use = use(of: stream) else { return }
            if case .reset(.cancel) = reason {} else { problems.append("\(role): stream \(stream.id): \(reason)") }
            use.isReset = true
        case .writable(let stream):
            if use(of: stream) == nil || stream.pendingBytes >= HTTP2Stream.lowWatermark {
                problems.append("\(role): stream \(stream.id) is not writable")
            }
        case .pong(let value): pongs.append(value)
        case .settings: break
        case .goAway, .failed: problems.append("\(role): \(event)")
        }
    }

    /// Who uses a stream, who has to be there for anything that is told.
    private func use(of stream: HTTP2Stream) -> Use? {
        guard let use = uses[stream.id], use.stream === stream, !use.isReset else {
            problems.append("\(role): something is told of stream \(stream.id), which is over")
            return nil
        }
        return use
    }

    private func received(_ bytes: ByteBuffer, on stream: HTTP2Stream, now: NIODeadline) {
        guard let use = use(of: stream) else { return }
        if use.sawEnd { problems.append("\(role): content of stream \(stream.id) behind its end") }
        let count = bytes.readableBytes
        if bytes != Self.content(stream.id, from: role == .server ? .client : .server, at: use.received, count) {
            problems.append("\(role): other content on stream \(stream.id) at \(use.received), \(count) bytes")
        }
        use.received += count
        use.unread += count
        if use.unread > stream.receiveWindow.size {
            problems.append("\(role): \(use.unread) bytes on \(stream.id) unread")
        }
        if !use.isStalled, !stalls.contains(stream.id) { consume(use, now: now) }
    }

    // MARK: What it holds

    /// What is more than it may hold.
    func excess(largestWrite: Int) -> [String] {
        var excess: [String] = []
        if connection.reader.heldBytes > 16_384 + 9 { excess.append("\(connection.reader.heldBytes) bytes of frames") }
        if connection.output.readableBytes > HTTP2Connection.outputLimit + 50_000 {
            excess.append("\(connection.output.readableBytes) bytes of output")
        }
        for use in open where use.stream.pendingBytes > HTTP2Stream.highWatermark + largestWrite {
            excess.append("\(use.stream.pendingBytes) bytes of stream \(use.stream.id)")
        }
        return excess.map { "\(role) holds \($0)" }
    }
}
