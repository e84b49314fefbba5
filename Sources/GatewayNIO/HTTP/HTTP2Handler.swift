import GatewayTLS
import HTTP2Core
import HTTPTypes
import Logging
import NIOCore
import SocketTransport

/// Whoever a connection over HTTP/2 belongs to: a listener's side, or a pool's.
protocol HTTP2HandlerOwner: AnyObject {
    /// The client has opened a stream.
    func opened(_ stream: HTTP2Stream, _ request: Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool)
    func settingsArrived()
    func pongArrived()
    func goAwayArrived(_ code: HTTP2ErrorCode, debugData: ByteBuffer)
    /// The peer broke a rule, or this side did; every stream has been told.
    func failed(_ failure: HTTP2Failure)
    /// All that came has been handled, and what could be sent was: streams may have come or gone.
    func settled()
    /// The transport is gone; every stream has been told.
    func closed()
}

/// Who reads what comes on a stream.
protocol HTTP2StreamReader: AnyObject {
    /// All that was read from the connection has been handed on.
    func readComplete()
}

/// Drives one `HTTP2Connection` over a socket of its own: what is read goes in, events go to the streams' delegates, and
/// what all streams have to send leaves in one write.
///
/// What is read lies in memory that all sockets of the loop share. Content is handed on as slices of it, which are good
/// for the call alone: whoever keeps some of it copies that.
final class HTTP2Handler {
    /// As many readers are told of the end of a read without new memory each time.
    private static let usualReaders = 64

    /// Among all HTTP/2 connections of the process.
    let id: UInt64
    let connection: HTTP2Connection
    /// Until the socket is closed: the two need each other.
    private var owner: (any HTTP2HandlerOwner)?
    private var socket: StreamSocket?
    /// The flush that waits for the end of the turn: made once, and gone with the socket.
    private var flushTask: (() -> Void)?
    /// Those that got something since the last time they were told that it was all.
    private var touched: [any HTTP2StreamReader] = []
    private var toldReaders: [any HTTP2StreamReader] = []
    private var isProcessing = false
    private var isFlushing = false
    private var flushIsScheduled = false
    private var isEnding = false
    /// How many streams there were when the owner was last told that all is settled.
    private var settledStreams = 0
    private var wasInsideFrame = false
    private(set) var lastRead = NIODeadline.now()
    /// Grows with each event: how far the peer's bytes have been understood.
    private(set) var progress: UInt64 = 0

    init(id: UInt64, connection: HTTP2Connection) {
        self.id = id
        self.connection = connection
    }

    /// Takes the socket over, and begins.
    ///
    /// - Parameter owner: is kept until the socket has closed.
    func start(on socket: StreamSocket, owner: any HTTP2HandlerOwner) {
        self.owner = owner
        self.socket = socket
        flushTask = { [self] in
            flushIsScheduled = false
            flush()
        }
        socket.delegate = self
        // It carries the messages of many WebSockets.
        socket.hasPrecedence = true
        socket.read()
        scheduleFlush()
    }

    /// Whether the connection has begun and not ended.
    var isOpen: Bool { socket != nil }
    var localAddress: SocketAddress? { socket?.localAddress }
    var remoteAddress: SocketAddress? { socket?.remoteAddress }
    /// Whether it has one of the process's last file descriptors.
    var usesReserve: Bool { socket?.usesReserve ?? false }
    /// How the connection is protected; nil: it is in the clear.
    var protection: TLSProtection? { socket?.protection }

    // MARK: Reading

    /// Bytes came.
    func receive(_ bytes: ByteBuffer) {
        guard !isEnding else { return }
        lastRead = .now()
        connection.receive(bytes)
        process(now: lastRead)
    }

    private func process(now: NIODeadline) {
        guard !isProcessing else { return }
        isProcessing = true
        var count: UInt64 = 0
        while let event = connection.nextEvent(now: now) {
            count &+= 1
            handle(event)
        }
        if !touched.isEmpty { tellReaders() }
        isProcessing = false
        progress &+= count
    }

    private func tellReaders() {
        swap(&touched, &toldReaders)
        for reader in toldReaders { reader.readComplete() }
        toldReaders.removeAll(keepingCapacity: toldReaders.count <= Self.usualReaders)
    }

    private func handle(_ event: HTTP2Event) {
        switch event {
        case .data(let stream, let bytes):
            stream.delegate?.stream(stream, received: bytes)
        case .writable(let stream):
            stream.delegate?.streamIsWritable(stream)
        case .ended(let stream, let trailers):
            stream.delegate?.streamEnded(stream, trailers: trailers)
            if stream.isClosed { stream.delegate = nil }
        case .closed(let stream, let closure):
            let delegate = stream.delegate.take()
            delegate?.stream(stream, closed: closure)
        case .informed(let stream, let response):
            stream.delegate?.stream(stream, informed: response)
        case .response(let stream, let response):
            stream.delegate?.stream(stream, received: response)
        case .request(let stream, let request, let endsStream):
            owner?.opened(stream, request, endsStream: endsStream)
        case .settings:
            owner?.settingsArrived()
        case .pong:
            owner?.pongArrived()
        case .goAway(let code, let debugData):
            owner?.goAwayArrived(code, debugData: debugData)
        case .failed(let failure):
            owner?.failed(failure)
            end()
        }
    }

    /// Has a reader told when all that was read has been handed on.
    func touch(_ reader: any HTTP2StreamReader) { touched.append(reader) }

    // MARK: Writing

    /// Sends what there is when the event loop has looked at all its sockets: what many of them brought for this
    /// connection leaves at once.
    func scheduleFlush() {
        guard !flushIsScheduled, !isFlushing, let socket, let flushTask else { return }
        flushIsScheduled = true
        socket.loop._executeIsolatedUnsafeUnchecked(flushTask)
    }

    private func flush() {
        guard !isFlushing, let socket else { return }
        isFlushing = true
        repeat {
            var written: ByteBuffer?
            while socket.isWritable || connection.failure != nil, let bytes = connection.takeOutput() {
                socket.write(bytes)
                written = bytes
            }
            if let last = written.take() {
                socket.flush()
                connection.takeBack(last)
            }
            // Streams whose turn has come may have more to send.
            if connection.hasEvents { process(now: .now()) }
        } while socket.isOpen && socket.isWritable && connection.failure == nil && connection.hasOutput
        isFlushing = false
        settle()
    }

    /// Tells the owner where streams may have come or gone, or a frame been begun.
    private func settle() {
        let streams = connection.streamCount
        let isInsideFrame = connection.isInsideFrame
        if streams == settledStreams, streams > 0, !isInsideFrame, !wasInsideFrame { return }
        settledStreams = streams
        wasInsideFrame = isInsideFrame
        owner?.settled()
    }

    /// That many bytes were handed on.
    func consumed(_ count: Int, of stream: HTTP2Stream) {
        if connection.consumed(count, of: stream, now: lastRead) { scheduleFlush() }
    }

    // MARK: Ends

    /// Ends the connection for that reason.
    func fail(_ failure: HTTP2Failure) {
        connection.fail(failure)
        process(now: .now())
    }

    /// Sends what is left, ends the writing half, and gives the peer a moment to read it: closing with unread input
    /// would reset the connection, and could take the GOAWAY with it.
    func end() {
        guard !isEnding, let socket else { return }
        isEnding = true
        let this = NIOLoopBound(self, eventLoop: socket.loop)
        socket.loop.execute {
            this.value.flush()
            this.value.socket?.endOutput()
        }
        socket.loop.scheduleTask(in: HTTP1Front.lingerTime) { this.value.close() }
    }

    func close() { socket?.close() }

    /// What broke the connection; nil: nothing yet, or its end was in order.
    private(set) var lastError: (any Error)?
}

extension HTTP2Handler: StreamSocketDelegate {
    func socket(_ socket: StreamSocket, received bytes: ByteBuffer) { receive(bytes) }

    func socketSecured(_ socket: StreamSocket, applicationProtocol: String?) {}

    func socketReadComplete(_ socket: StreamSocket) {
        // Not at once: others may have something for this connection in the same turn.
        scheduleFlush()
        socket.read()
    }

    func socketInputEnded(_ socket: StreamSocket) {
        if socket.lacksCloseNotify { lastError = UncleanTLSEnd() }
        // Nothing can be asked or answered on a connection that one side has left.
        socket.close()
    }

    func socketWritabilityChanged(_ socket: StreamSocket) {
        if socket.isWritable { flush() }
    }

    func socketDrained(_ socket: StreamSocket) {}
    func socketOutputEnded(_ socket: StreamSocket) {}

    func socketClosed(_ socket: StreamSocket, error: (any Error)?) {
        lastError = error ?? lastError
        self.socket = nil
        flushTask = nil
        connection.transportClosed()
        process(now: .now())
        owner.take()?.closed()
    }
}
