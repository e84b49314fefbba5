import GatewayPolicy
import NIOCore
import NIOHTTP1

/// Stands between an HTTP/1.1 connection and its parser, and lets one message through at a time: what comes behind it
/// waits here for its turn, or for whoever takes the connection over.
///
/// The parser can't keep it. It would go on with the next message before this one is answered; and what is behind a change
/// of protocols it hands on a turn of the event loop later, and loses it when the peer ends its side meanwhile, as a
/// server does that says its last word in its first packet.
///
/// Where a message ends, this gate and the parser find out independently of each other. A message that they disagree about
/// ends the connection.
final class HTTP1Gate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The content of a message can't be passed on.
    struct BadContent: Error, CustomStringConvertible {
        let description: String
        var isTooLarge = false
    }

    private enum State {
        case head
        /// What comes is the content's, until the connection ends.
        case passing
        case content(HTTP1ContentScan)
        /// A message is through; the next one waits for `next`.
        case between
        case holding
        case discarding
    }

    private let maxLength: Int
    private var state = State.head
    private var scan = HTTP1HeadScan()
    private var held: ByteBuffer?
    /// The parser has told of the end of the message.
    private var hasEnded = false
    private var isWorking = false
    private var wantsNext = false
    /// The next buffer that is written is a head with bytes that are no UTF-8.
    private var narrowsNextWrite = false
    private var context: ChannelHandlerContext?
    /// Called when a head has begun whose end has not come with it.
    var headHasBegun: (() -> Void)?

    /// - Parameter maxLength: bytes of a head that are let through, and of a trailer section.
    init(maxLength: Int) {
        self.maxLength = maxLength
    }

    /// How the head begins, as far as it has come.
    var beginning: [UInt8] { scan.beginning }

    /// Bytes that wait for the message before them.
    var heldBytes: Int { held?.readableBytes ?? 0 }

    /// Whether nothing has come since the last message.
    var isQuiet: Bool {
        switch state {
        case .head: scan.length == 0
        case .between: heldBytes == 0
        case .passing, .content, .holding, .discarding: false
        }
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if held == nil { held = bytes } else { held?.writeImmutableBuffer(bytes) }
        work(context)
    }

    /// Passes on what may pass. Whoever is told of a message may ask for the next one meanwhile.
    private func work(_ context: ChannelHandlerContext) {
        guard !isWorking else { return }
        isWorking = true
        while true {
            if wantsNext {
                wantsNext = false
                startNext()
            }
            guard var bytes = held.take(), bytes.readableBytes > 0 else { break }
            switch state {
            case .head:
                passHead(&bytes, context)
            case .passing:
                context.fireChannelRead(wrapInboundOut(bytes))
                bytes.clear()
            case .content(let scan):
                passContent(&bytes, scan, context)
            case .discarding:
                bytes.clear()
            case .between, .holding:
                break
            }
            guard bytes.readableBytes > 0 else { continue }
            held = bytes
            switch state {
            case .between where wantsNext, .head, .content, .passing: continue
            case .between, .holding, .discarding: break
            }
            break
        }
        if case .discarding = state { held = nil }
        isWorking = false
    }

    private func passHead(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
        let isBeginning = scan.length == 0
        let end = scan.end(in: bytes.readableBytesView)
        if isBeginning, end == nil { headHasBegun?() }
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
        state = .passing
        hasEnded = false
        // Whoever is told of the head may take the connection over at once, and the rest with it.
        held = bytes
        context.fireChannelRead(wrapInboundOut(FieldBytes.widened(head)))
        bytes = held.take() ?? ByteBuffer()
        if case .content(let scan) = state, scan.isDone { endMessage(context) }
    }

    private func passContent(_ bytes: inout ByteBuffer, _ scan: HTTP1ContentScan, _ context: ChannelHandlerContext) {
        var scan = scan
        do throws(HTTP1ContentScan.Violation) {
            let end = try scan.end(in: bytes.readableBytesView)
            state = .content(scan)
            var content = end.flatMap { bytes.readSlice(length: $0) } ?? bytes
            if end == nil { bytes.clear() }
            // More may come meanwhile, and belongs behind the rest.
            held = bytes
            if end != nil, scan.isChunked, let most = content.readSlice(length: content.readableBytes - 1) {
                // The parser is to find the end at the very last byte, and not before.
                context.fireChannelRead(wrapInboundOut(most))
                if hasEnded { state = .passing }
            }
            context.fireChannelRead(wrapInboundOut(content))
            bytes = held.take() ?? ByteBuffer()
            if end != nil { endMessage(context) }
        } catch {
            state = .discarding
            context.fireErrorCaught(BadContent(description: error.text, isTooLarge: error.isTooLarge))
        }
    }

    /// The message is through, by this gate's account.
    private func endMessage(_ context: ChannelHandlerContext) {
        switch state {
        case .content, .passing: break
        case .head, .between, .holding, .discarding: return
        }
        guard hasEnded, case .content = state else {
            state = .discarding
            return context.fireErrorCaught(BadContent(description: "where the content ends can be read in two ways"))
        }
        state = .between
    }

    // MARK: Whoever reads the messages

    /// Says how the content is framed whose head the parser has just told of.
    func expect(_ framing: HTTP1Framing) {
        guard case .passing = state else { return }
        state = .content(HTTP1ContentScan(framing, maxTrailers: maxLength))
    }

    /// Says that the parser has told of the end of a message.
    func messageEnded() {
        hasEnded = true
        guard case .content(let scan) = state, !scan.isDone else { return }
        if scan.endsWithConnection { return }
        state = .discarding
        context?.fireErrorCaught(BadContent(description: "where the content ends can be read in two ways"))
    }

    /// The message is answered: the next one may come through.
    func next() {
        wantsNext = true
        if let context { work(context) }
    }

    private func startNext() {
        guard case .between = state else { return }
        state = .head
        scan = HTTP1HeadScan()
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

    /// Says that somebody takes the connection over without its pipeline.
    ///
    /// - Returns: what has come behind the head.
    func leave() -> ByteBuffer? {
        state = .holding
        return held.take().flatMap { $0.readableBytes > 0 ? $0 : nil }
    }

    /// Puts the handler that takes the connection over before this one, and so before the parser: nothing that comes, nor
    /// the end, reaches them any more.
    ///
    /// - Returns: what has come behind the head.
    func makeWay(for handler: some ChannelHandler) throws -> ByteBuffer? {
        guard let pipeline = context?.pipeline.syncOperations else { throw ChannelError.ioOnClosedChannel }
        try pipeline.addHandler(handler, position: .before(self))
        pipeline.removeHandler(self, promise: nil)
        return leave()
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
