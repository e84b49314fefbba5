import GatewayPolicy
import NIOCore
import NIOHTTP1

/// Reads the messages of a connection that need no parser.
protocol HTTP1PlainReader: AnyObject {
    /// A whole head has come.
    ///
    /// - Returns: how its content is framed, which `HTTP1Gate.expect` has been told as well; nil: the head is for the
    ///   parser, and nobody has been told of it.
    func readPlainHead(_ head: ByteBuffer) -> HTTP1Framing?
    func readPlainContent(_ bytes: ByteBuffer)
    /// The message is whole.
    func plainMessageEnded()
    /// A message has begun that is for the parser: from now on the gate has to be in a pipeline, with the parser behind it.
    func prepareParser() throws
    /// What comes can't be read any more. Told only as long as the gate is in no pipeline.
    func plainReadingFailed(_ error: any Error)
}

/// Stands between an HTTP/1.1 connection and its parser, and lets one message through at a time: what comes behind it
/// waits here for its turn, or for whoever takes the connection over.
///
/// The parser can't keep it. It would go on with the next message before this one is answered; and what is behind a change
/// of protocols it hands on a turn of the event loop later, and loses it when the peer ends its side meanwhile, as a
/// server does that says its last word in its first packet.
///
/// Where a message ends, this gate and the parser find out independently of each other. A message that they disagree about
/// ends the connection.
///
/// A message whose head is written plainly and comes in one piece, and whose content has a known length, goes around the
/// parser: an `HTTP1PlainReader` reads it. As long as there is no other, the gate need not be in a pipeline: a handler more
/// would cost each connection more than its request.
final class HTTP1Gate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

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
    /// The message under way goes around the parser.
    private var isPlain = false
    /// Some of the message under way has gone to the parser.
    private var usesParser = false
    /// nil: every message is for the parser.
    /// It has the gate as well, and lets go of this when it has no connection any more.
    var reader: (any HTTP1PlainReader)?
    /// nil: it is in no pipeline.
    private(set) var context: ChannelHandlerContext?
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
        receive(unwrapInboundIn(data))
    }

    /// Some bytes of the connection have come.
    func receive(_ bytes: ByteBuffer) {
        if held == nil { held = bytes } else { held?.writeImmutableBuffer(bytes) }
        work()
    }

    /// Passes on what may pass. Whoever is told of a message may ask for the next one meanwhile.
    private func work() {
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
                passHead(&bytes)
            case .passing:
                parse(bytes)
                bytes.clear()
            case .content(let scan):
                passContent(&bytes, scan)
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

    private func passHead(_ bytes: inout ByteBuffer) {
        let isBeginning = scan.length == 0
        let end = scan.end(in: bytes.readableBytesView)
        if isBeginning, end == nil { headHasBegun?() }
        guard scan.length <= maxLength else {
            state = .discarding
            return fail(HTTPParserError.headerOverflow)
        }
        guard let end, let head = bytes.readSlice(length: end) else {
            let rest = bytes
            bytes.clear()
            return parse(FieldBytes.widened(rest))
        }
        if let status = scan.status, (100..<200).contains(status), status != 101 {
            // Another head follows an interim response (RFC 9110 §15.2).
            scan = HTTP1HeadScan()
            return parse(FieldBytes.widened(head))
        }
        state = .passing
        hasEnded = false
        // Whoever is told of the head may take the connection over at once, and the rest with it.
        held = bytes
        if !isBeginning || usesParser || !readPlainly(head) { parse(FieldBytes.widened(head)) }
        bytes = held.take() ?? ByteBuffer()
        if case .content(let scan) = state, scan.isDone { endMessage() }
    }

    /// - Returns: false: the head is for the parser.
    private func readPlainly(_ head: ByteBuffer) -> Bool {
        guard let reader else { return false }
        isPlain = true
        guard let framing = reader.readPlainHead(head) else {
            isPlain = false
            return false
        }
        if framing == .none { reader.plainMessageEnded() }
        return true
    }

    private func parse(_ bytes: ByteBuffer) {
        if !usesParser {
            usesParser = true
            do { try reader?.prepareParser() } catch { return fail(error) }
        }
        context?.fireChannelRead(wrapInboundOut(bytes))
    }

    private func pass(_ content: ByteBuffer) {
        if isPlain { reader?.readPlainContent(content) } else { parse(content) }
    }

    private func fail(_ error: any Error) {
        if let context { context.fireErrorCaught(error) } else { reader?.plainReadingFailed(error) }
    }

    private func passContent(_ bytes: inout ByteBuffer, _ scan: HTTP1ContentScan) {
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
                pass(most)
                if hasEnded { state = .passing }
            }
            pass(content)
            if isPlain, end != nil { reader?.plainMessageEnded() }
            bytes = held.take() ?? ByteBuffer()
            if end != nil { endMessage() }
        } catch {
            state = .discarding
            fail(BadContent(description: error.text, isTooLarge: error.isTooLarge))
        }
    }

    /// The message is through, by this gate's account.
    private func endMessage() {
        switch state {
        case .content, .passing: break
        case .head, .between, .holding, .discarding: return
        }
        guard hasEnded, case .content = state else {
            state = .discarding
            return fail(BadContent(description: "the end of the content is ambiguous"))
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
        fail(BadContent(description: "the end of the content is ambiguous"))
    }

    /// The message is answered: the next one may come through.
    func next() {
        wantsNext = true
        work()
    }

    private func startNext() {
        guard case .between = state else { return }
        state = .head
        scan = HTTP1HeadScan()
        isPlain = false
        usesParser = false
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
}
