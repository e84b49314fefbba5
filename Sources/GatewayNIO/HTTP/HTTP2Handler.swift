import HTTP2Core
import HTTPTypes
import Logging
import NIOCore

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

/// Drives one `HTTP2Connection` over a channel: what is read goes in, events go to the streams' delegates, and what
/// all streams have to send leaves in one write.
final class HTTP2Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Among all HTTP/2 connections of the process.
    let id: UInt64
    let connection: HTTP2Connection
    /// Until the channel is closed: the two need each other.
    private var owner: (any HTTP2HandlerOwner)?
    private var context: ChannelHandlerContext?
    /// Those that got something since the last time they were told that it was all.
    private var touched: [any HTTP2StreamReader] = []
    private var isReading = false
    private var isProcessing = false
    private var isFlushing = false
    private var flushIsScheduled = false
    private var isEnding = false
    private(set) var lastRead = NIODeadline.now()
    /// Grows with each event: how far the peer's bytes have been understood.
    private(set) var progress: UInt64 = 0

    init(id: UInt64, connection: HTTP2Connection) {
        self.id = id
        self.connection = connection
    }

    func setOwner(_ owner: any HTTP2HandlerOwner) { self.owner = owner }

    var eventLoop: (any EventLoop)? { context?.eventLoop }
    var channel: (any Channel)? { context?.channel }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { scheduleFlush() }
    }

    func channelActive(context: ChannelHandlerContext) {
        scheduleFlush()
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        owner = nil
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnding else { return }
        isReading = true
        lastRead = .now()
        connection.receive(unwrapInboundIn(data))
        process(now: lastRead)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        // Not at once: with the peer's end NIO says so as well, and does not expect that a write which fails closes
        // the channel meanwhile.
        scheduleFlush()
    }

    private func process(now: NIODeadline) {
        guard !isProcessing else { return }
        isProcessing = true
        var count: UInt64 = 0
        while let event = connection.nextEvent(now: now) {
            count &+= 1
            handle(event)
        }
        let readers = touched
        touched.removeAll(keepingCapacity: true)
        for reader in readers { reader.readComplete() }
        isProcessing = false
        progress &+= count
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

    /// Sends what there is when the event loop has looked at all its channels: what many of them brought for this
    /// connection leaves at once.
    func scheduleFlush() {
        guard !isReading, !isFlushing, !flushIsScheduled, let context else { return }
        flushIsScheduled = true
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            this.value.flushIsScheduled = false
            this.value.flush()
        }
    }

    private func flush() {
        guard !isFlushing, let context, context.channel.isActive else { return }
        isFlushing = true
        repeat {
            var hasWritten = false
            while context.channel.isWritable || connection.failure != nil, let bytes = connection.takeOutput() {
                context.write(wrapOutboundOut(bytes), promise: nil)
                hasWritten = true
            }
            if hasWritten { context.flush() }
            // Streams whose turn has come may have more to send.
            process(now: .now())
        } while context.channel.isWritable && connection.failure == nil && connection.hasOutput
        isFlushing = false
        owner?.settled()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { flush() }
    }

    /// That many bytes were handed on.
    func consumed(_ count: Int, of stream: HTTP2Stream) {
        connection.consumed(count, of: stream, now: lastRead)
        scheduleFlush()
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
        guard !isEnding, let context else { return }
        isEnding = true
        isReading = false
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            this.value.flush()
            this.value.context?.close(mode: .output, promise: nil)
        }
        context.eventLoop.scheduleTask(in: HTTP1Front.lingerTime) { this.value.context?.close(promise: nil) }
    }

    func close() { context?.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            // Nothing can be asked or answered on a connection that one side has left.
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// What broke the connection; nil: nothing yet, or its end was in order.
    private(set) var lastError: (any Error)?

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lastError = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.transportClosed()
        process(now: .now())
        let owner = owner.take()
        owner?.closed()
    }
}
