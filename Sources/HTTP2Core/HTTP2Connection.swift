public import HTTPTypes
public import NIOCore

/// What one side of a connection grants the other.
public struct HTTP2Limits: Equatable, Sendable {
    /// Streams that the peer may have open at once.
    public var maxStreams: Int
    /// Bytes of a header list, with 32 for each field (RFC 9113 §6.5.2).
    public var maxHeaderListSize: Int
    /// On the server's side: whether extended CONNECT is offered (RFC 8441 §3).
    public var offersConnectProtocol: Bool

    /// - Parameters:
    ///   - maxStreams: 1 to 2^31 − 1; of no use to a client, which allows no pushed ones.
    ///   - maxHeaderListSize: 1 to 2^31 − 1.
    ///   - offersConnectProtocol: servers only.
    public init(maxStreams: Int, maxHeaderListSize: Int, offersConnectProtocol: Bool = false) {
        self.maxStreams = maxStreams
        self.maxHeaderListSize = maxHeaderListSize
        self.offersConnectProtocol = offersConnectProtocol
    }
}

/// What became of the bytes that came.
public enum HTTP2Event {
    /// A stream that the peer has opened: whoever answers sets its delegate. `endsStream`: nothing follows.
    ///
    /// Heads lie apart: with them inside, every event would be as large as a request.
    indirect case request(HTTP2Stream, Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool)
    /// An interim response (1xx, RFC 9110 §15.2); the final one is still to come.
    indirect case informed(HTTP2Stream, HTTPResponse)
    indirect case response(HTTP2Stream, HTTPResponse)
    /// Some of the content, good until the next event is asked for: it lies in what was given to `receive`.
    case data(HTTP2Stream, ByteBuffer)
    /// END_STREAM, behind everything else; `trailers`: the fields that came with it (RFC 9113 §8.1), if there were any.
    indirect case ended(HTTP2Stream, trailers: HTTPFields?)
    case closed(HTTP2Stream, HTTP2StreamClosure)
    /// More may be written, or what was pending has gone with its END_STREAM.
    case writable(HTTP2Stream)
    /// The peer's settings are known, or are others now.
    case settings
    case pong(UInt64)
    /// The peer takes no more streams, for this reason.
    indirect case goAway(HTTP2ErrorCode, debugData: ByteBuffer)
    /// The connection has failed; the GOAWAY that says why is part of the output.
    indirect case failed(HTTP2Failure)
}

/// One HTTP/2 connection (RFC 9113) as a state machine, of either side: bytes in, events and bytes out. No I/O, no
/// clock.
///
/// The driver gives what it read to `receive`, asks for `nextEvent` until there is none, and sends what `takeOutput`
/// gives for as long as its transport takes it. The frames of all streams gather in one output of at most 64 KiB and
/// the frames about the connection; what does not fit waits with its stream, and streams take turns, one frame each.
///
/// What a peer can make it hold is bounded: by the window of each stream, the size of one header block, 64 KiB that
/// each stream's writer may have waiting, and 1 MiB of frames about the connection that the peer does not read.
public final class HTTP2Connection {
    public enum Role: Sendable {
        case client, server
    }

    static let outputLimit = 64 * 1024
    /// An idle connection keeps no more memory than this for what it will send.
    static let keptOutput = 1024
    static let unreadLimit = 1024 * 1024
    static let maxDataSize = 16_384
    /// All streams together; returned as soon as it comes, so that no stream waits for another's reader.
    static let connectionWindow = 16 * 1024 * 1024
    /// A header list this many times as large as announced is still read, so that its request can be answered.
    private static let headerListTolerance = 4

    public let role: Role
    let limits: HTTP2Limits
    public internal(set) var peerSettings = HTTP2Settings()
    /// Whether the peer's SETTINGS have come.
    public internal(set) var hasPeerSettings = false
    /// Whether the peer has acknowledged the own SETTINGS.
    public internal(set) var isAcknowledged = false
    /// Set once: nothing is read or written any more.
    public internal(set) var failure: HTTP2Failure?
    /// The peer has sent GOAWAY.
    public internal(set) var isGoingAway = false
    /// GOAWAY was sent: no stream of the peer's is accepted any more.
    public internal(set) var hasSentGoAway = false

    var reader: HTTP2FrameReader
    var encoder = HeaderEncoder()
    var decoder: HeaderDecoder
    var streams = HTTP2Streams()
    var closedStreams = ClosedStreams()
    var events = CircularBuffer<HTTP2Event>()

    var output = ByteBuffer()
    var lastOutputSize = 0
    var sendWindow = 65_535
    /// Streams with something to send and a window for it.
    var ready = CircularBuffer<HTTP2Stream>()

    var connectionReceiveWindow: Int
    var connectionCredit = 0
    /// Bytes by which the windows of streams may still grow.
    var growthBudget = 16 * 1024 * 1024

    var lastPeerStream: HTTP2StreamID = 0
    var nextStream: HTTP2StreamID = 1
    var emptyWork = FloodMeter(burst: 1000, perSecond: 200)
    /// Streams that came to nothing, by RST_STREAM of either side.
    var earlyResets = FloodMeter(burst: 500, perSecond: 50)
    /// Streams that the peer ended, and this side's user then reset without an answer.
    var uncountedResets = 0
    /// WINDOW_UPDATE frames that may come for what was sent.
    var windowUpdateAllowance = 0
    var pingsUnanswered = 0
    /// What the first GOAWAY said: later ones never say more (RFC 9113 §6.8).
    var lastStreamOfGoAway: HTTP2StreamID?

    /// Begins with the own preface in the output.
    public init(role: Role, limits: HTTP2Limits) {
        self.role = role
        self.limits = limits
        let largest = limits.maxHeaderListSize * Self.headerListTolerance
        reader = HTTP2FrameReader(expectsPreface: role == .server, maxHeaderBlock: largest)
        decoder = HeaderDecoder(maxListSize: largest)
        connectionReceiveWindow = Self.connectionWindow
        writePreface()
    }

    /// Streams that are open, half-closed ones included.
    public var streamCount: Int { streams.count }

    /// Whether a frame or header block was begun whose rest is missing.
    public var isInsideFrame: Bool { reader.isInsideFrame }

    /// How many streams the peer has open now.
    var openPeerStreams: Int { role == .server ? streams.count : 0 }

    /// Streams that may be opened beside those that are; 0 before the peer's SETTINGS are here.
    public var freeStreams: Int {
        guard role == .client, hasPeerSettings, !isGoingAway, failure == nil, !isExhausted else { return 0 }
        let allowed = peerSettings.maxConcurrentStreams.map { Int($0) } ?? Int.max
        return max(0, allowed - streams.count)
    }

    /// Whether no number is left for another stream (RFC 9113 §5.1.1): the connection has to be replaced.
    public var isExhausted: Bool { nextStream >= HTTP2StreamID(Int32.max) }

    private func writePreface() {
        var settings = HTTP2Settings()
        settings.maxHeaderListSize = UInt32(clamping: limits.maxHeaderListSize)
        switch role {
        case .client:
            settings.enablePush = false
            output.writeImmutableBuffer(HTTP2FrameReader.preface)
        case .server:
            settings.maxConcurrentStreams = UInt32(clamping: limits.maxStreams)
            settings.enableConnectProtocol = limits.offersConnectProtocol
        }
        writeFrame(.settings, payload: settings.payload())
        writeWindowUpdate(0, UInt32(Self.connectionWindow - 65_535))
    }

    // MARK: Ends

    /// Tells the peer that no more of its streams are accepted; those that are open go on (RFC 9113 §6.8).
    public func sendGoAway(_ code: HTTP2ErrorCode = .noError, _ message: String = "") {
        guard failure == nil, !hasSentGoAway else { return }
        hasSentGoAway = true
        writeGoAway(code, message)
    }

    /// Ends the connection for that reason: GOAWAY is in the output, each stream's end among the events.
    public func fail(_ failure: HTTP2Failure) {
        guard self.failure == nil else { return }
        writeGoAway(failure.code, failure.message)
        self.failure = failure
        closeAll()
        events.append(.failed(failure))
    }

    /// The transport is gone.
    public func transportClosed() {
        failure = failure ?? HTTP2Failure(.noError, "the connection is closed")
        closeAll()
    }

    private func closeAll() {
        reader.discard()
        ready.removeAll()
        for stream in streams.all {
            remove(stream, .abandoned)
            events.append(.closed(stream, .connectionLost))
        }
    }

    /// Sends PING (RFC 9113 §6.7).
    public func ping(_ value: UInt64) {
        guard failure == nil else { return }
        pingsUnanswered += 1
        writePing(value)
    }

    // MARK: Streams

    func remove(_ stream: HTTP2Stream, _ ending: ClosedStreams.Ending) {
        stream.flags.insert(.isClosed)
        closedStreams.add(stream.id, ending)
        stream.pending = nil
        stream.trailers = nil
        growthBudget += stream.receiveWindow.growth
        streams.remove(stream.id)
        // A peer that grants no window could otherwise make the line longer with every stream that it resets.
        if ready.count > 2 * streams.count + 64 { ready.removeAll { $0.isClosed } }
    }

    func removeIfDone(_ stream: HTTP2Stream) {
        if stream.flags.isSuperset(of: [.localEnded, .remoteEnded]), !stream.isClosed {
            remove(stream, .peerEnded)
        }
    }
}
