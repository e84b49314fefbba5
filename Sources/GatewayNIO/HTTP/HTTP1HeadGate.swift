import GatewayPolicy
import NIOCore
import NIOHTTP1

/// Stands between an HTTP/1.1 connection and its parser, and lets the head through, and what belongs to it, but not what
/// comes behind a change of protocols: that waits here for whoever takes the connection over.
///
/// The parser can't keep it. It hands on what it was left with a turn of the event loop later, and loses that when the
/// peer ends its side meanwhile, as a server does that says its last word in its first packet.
final class HTTP1HeadGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case head
        /// What comes is the content's.
        case passing
        case holding
        case discarding
    }

    private let maxLength: Int
    private var state = State.head
    private var scan = HTTP1HeadScan()
    private var held: ByteBuffer?
    /// The next buffer that is written is a head with bytes that are no UTF-8.
    private var narrowsNextWrite = false
    private var context: ChannelHandlerContext?

    /// - Parameter maxLength: bytes of a head that are let through.
    init(maxLength: Int) {
        self.maxLength = maxLength
    }

    /// How the head begins, as far as it has come.
    var beginning: [UInt8] { scan.beginning }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        while bytes.readableBytes > 0 {
            switch state {
            case .head:
                passHead(&bytes, context)
            case .passing:
                return context.fireChannelRead(wrapInboundOut(bytes))
            case .holding:
                if held == nil { held = ByteBuffer() }
                held?.writeImmutableBuffer(bytes)
                return
            case .discarding:
                return
            }
        }
    }

    private func passHead(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
        let end = scan.end(in: bytes.readableBytesView)
        guard scan.length <= maxLength else {
            state = .discarding
            return context.fireErrorCaught(HTTPParserError.headerOverflow)
        }
        guard let end, let head = bytes.readSlice(length: end) else {
            let rest = bytes
            bytes.clear()
            return context.fireChannelRead(wrapInboundOut(FieldBytes.widened(rest)))
        }
        if let status = scan.status, (100..<200).contains(status), status != 101 {
            // Another head follows an interim response (RFC 9110 §15.2).
            scan = HTTP1HeadScan()
            return context.fireChannelRead(wrapInboundOut(FieldBytes.widened(head)))
        }
        // Whoever is told of the head may take the connection over at once, and the rest with it.
        held = bytes
        bytes.clear()
        state = .passing
        context.fireChannelRead(wrapInboundOut(FieldBytes.widened(head)))
        guard case .passing = state, let rest = held.take() else { return }
        bytes = rest
    }

    /// From now on what comes waits for whoever takes the connection over; called when the parser tells of a head, before
    /// what is behind it goes on.
    func hold() { state = .holding }

    /// The first bytes of what waits, as soon as there are so many; nil: there are not.
    func takeHeld(_ count: Int) -> ByteBuffer? { held?.readSlice(length: count) }

    /// From now on what comes is thrown away; the end passes.
    func discard() {
        state = .discarding
        held = nil
    }

    /// Puts the handler that takes the connection over before this one, and so before the parser: nothing that comes, nor
    /// the end, reaches them any more.
    ///
    /// - Returns: what has come behind the head.
    func makeWay(for handler: some ChannelHandler) throws -> ByteBuffer? {
        guard let pipeline = context?.pipeline.syncOperations else { throw ChannelError.ioOnClosedChannel }
        try pipeline.addHandler(handler, position: .before(self))
        pipeline.removeHandler(self, promise: nil)
        state = .holding
        return held.take().flatMap { $0.readableBytes > 0 ? $0 : nil }
    }

    // MARK: Writing

    /// Says that a head is about to be written whose values are widened.
    func narrowNextWrite() { narrowsNextWrite = true }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard narrowsNextWrite else { return context.write(data, promise: promise) }
        narrowsNextWrite = false
        context.write(wrapOutboundOut(FieldBytes.narrowed(unwrapOutboundIn(data))), promise: promise)
    }
}
