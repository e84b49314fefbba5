import GatewaySession
import GatewayTelemetry
import HTTP2Core
import HTTPTypes
import NIOCore

/// A session's leg on one stream of an HTTP/2 connection (RFC 8441 §5): END_STREAM is the orderly end of TCP,
/// RST_STREAM its reset.
final class HTTP2Leg: LegTransport, HTTP2StreamDelegate, HTTP2StreamReader {
    private let stream: HTTP2Stream
    private let handler: HTTP2Handler
    private let leg: Leg
    /// nil: the session has nothing to do with the stream any more.
    private var driver: SessionDriver?
    /// What came and the session does not want yet; its sender's window is held back meanwhile.
    private var held: HeldBytes
    private var hasUnreadEnd = false
    private var isTouched = false
    private var isBlocked = false

    /// - Parameter early: what came before there was a session.
    init(_ leg: Leg, on stream: HTTP2Stream, of handler: HTTP2Handler, driver: SessionDriver, early: ByteBuffer? = nil)
    {
        self.leg = leg
        self.stream = stream
        self.handler = handler
        self.driver = driver
        held = HeldBytes(early)
        stream.delegate = self
        driver.attach(self, as: leg)
        if early != nil { driver.oweRead(leg) }
    }

    // MARK: What the stream tells

    func stream(_ stream: HTTP2Stream, received bytes: ByteBuffer) {
        guard let driver else { return }
        if held.isEmpty, driver.mayRead(leg) {
            handOn(bytes, to: driver)
        } else {
            held.add(bytes)
        }
    }

    private func handOn(_ bytes: ByteBuffer, to driver: SessionDriver) {
        handler.consumed(bytes.readableBytes, of: stream)
        driver.read(bytes, from: leg, now: handler.lastRead)
        guard !isTouched else { return }
        isTouched = true
        handler.touch(self)
    }

    func readComplete() {
        isTouched = false
        driver?.readComplete()
    }

    func streamEnded(_ stream: HTTP2Stream, trailers: HTTPFields?) {
        hasUnreadEnd = true
        passEnd()
    }

    /// The end comes behind all that was held.
    private func passEnd() {
        guard held.isEmpty, let driver else { return }
        if hasUnreadEnd {
            hasUnreadEnd = false
            driver.ended(leg)
        }
        if stream.isClosed, stream.remoteEnded { detach()?.closed(leg, inOrder: true) }
    }

    func stream(_ stream: HTTP2Stream, closed reason: HTTP2StreamClosure) {
        guard stream.remoteEnded, !held.isEmpty else {
            detach()?.closed(leg, inOrder: stream.remoteEnded && reason != .connectionLost)
            return
        }
        // Its peer had said all that it had to say: that is handed on first. What is meant for the stream goes nowhere
        // meanwhile, and stops nobody.
        if isBlocked { streamIsWritable(stream) }
    }

    func streamIsWritable(_ stream: HTTP2Stream) {
        if stream.isClosed { passEnd() }
        guard isBlocked else { return }
        isBlocked = false
        driver?.writabilityChanged(leg, isWritable: true)
    }

    func stream(_ stream: HTTP2Stream, informed response: HTTPResponse) {}
    func stream(_ stream: HTTP2Stream, received response: HTTPResponse) {}

    private func detach() -> SessionDriver? {
        held = HeldBytes()
        stream.delegate = nil
        return driver.take()
    }

    // MARK: What the session wants

    func write(_ bytes: ByteBuffer) { write(bytes, endsStream: false) }

    /// To a server END_STREAM comes with its Close, as from browsers. Some have forgotten the stream soon after that, and
    /// give up all of the connection when DATA comes for it, be it empty (Hypercorn 0.18).
    func writeClose(_ bytes: ByteBuffer) { write(bytes, endsStream: leg == .server) }

    private func write(_ bytes: ByteBuffer, endsStream: Bool) {
        handler.connection.write(bytes, on: stream, endsStream: endsStream)
        if !stream.isWritable, !isBlocked {
            isBlocked = true
            driver?.writabilityChanged(leg, isWritable: false)
        }
    }

    func flush() { handler.scheduleFlush() }

    var isWritable: Bool { stream.isWritable }
    var waitingBytes: Int { stream.pendingBytes }
    var sharedConnection: ConnectionSnapshot.Shared? {
        .init(id: handler.id, streams: handler.connection.streamCount)
    }

    func read() {
        while let driver, let piece = held.next() {
            handler.consumed(piece.readableBytes, of: stream)
            driver.read(piece, from: leg)
            driver.readComplete()
            guard !held.isEmpty, driver.mayRead(leg) else { break }
        }
        passEnd()
    }

    func endWriting() {
        handler.connection.end(stream)
        handler.scheduleFlush()
        // Nobody tells of a stream that both sides have ended.
        if stream.isClosed { passEnd() }
    }

    /// With nothing pending the stream is reset at once, which says more clearly that something is missing.
    func breakOff() {
        guard stream.pendingBytes == 0 else { return endWriting() }
        let driver = detach()
        handler.connection.reset(stream, .cancel)
        handler.scheduleFlush()
        driver?.closed(leg, inOrder: true)
    }

    func drop() {
        _ = detach()
        guard !stream.isClosed else { return }
        // Behind everything that was to be said nothing is lost with what the peer might still send.
        let isThrough = stream.localEnded && stream.pendingBytes == 0
        handler.connection.reset(stream, isThrough ? .noError : .cancel)
        handler.scheduleFlush()
    }
}
