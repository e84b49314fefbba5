import GatewayConfig
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import Logging
import NIOCore
import SocketTransport
import WebSocketCore

/// A session's leg to a command: what the session writes becomes messages on the command's standard input, and what the
/// command writes becomes the frames of a server. Pings end here and are answered at once; the end of the command is a
/// Close.
final class CommandLeg: WebSocketLeg, LegTransport {
    var asWebSocket: (any WebSocketLeg)? { self }

    /// What waits is given to the session in pieces of this size, as a read from a socket would be.
    private static let pieceSize = 64 * 1024

    /// How long after the end of a command its pipes may stay open.
    private static let timeToReadRest = TimeAmount.seconds(1)

    private enum Phase {
        /// There is no session yet.
        case waiting
        case relaying(SessionDriver)
        /// The session has had all that it gets: what the command still says goes nowhere.
        case over
    }

    private let process: CommandProcess
    private let loop: LoopContext
    private let logger: Logger
    private var phase = Phase.waiting
    private var decoder: CommandOutputDecoder
    private var encoder: CommandInputEncoder
    private var input: (any Channel)?
    private var output: (any Channel)?
    private var errors: (any Channel)?
    /// Frames that the session does not want yet.
    private var held: ByteBuffer?
    /// The answer to the latest ping, while it wants none.
    private var waitingPong: ByteBuffer?
    private var hasOutputEnded = false
    private var exit: CommandExit?
    /// The last frame is a Close, delivered or held.
    private var hasClosed = false

    init(process: CommandProcess, loop: LoopContext, logger: Logger) {
        self.process = process
        self.loop = loop
        self.logger = logger
        // Both have the same words.
        let framing = CommandFraming(rawValue: process.command.configuration.framing.rawValue) ?? .line
        decoder = CommandOutputDecoder(framing: framing)
        encoder = CommandInputEncoder(framing: framing)
        process.delegate = self
    }

    /// Makes channels of the gateway's ends of the pipes. Those ends are closed with them, or when this fails.
    ///
    /// - Throws: `IOError`.
    func open(_ pipes: CommandPipes) throws {
        var left = [pipes.input.write, pipes.output.read, pipes.errors.read]
        defer { SocketCall.close(left) }
        func channel(_ handler: some ChannelHandler, reads: Bool) throws -> SocketChannel {
            guard let eventLoop = loop.eventLoop as? SocketEventLoop else { throw ChannelError.operationUnsupported }
            let socket = try StreamSocket(pipe: left.removeFirst(), on: eventLoop)
            socket.hasPrecedence = true
            let channel = SocketChannel(socket)
            try channel.syncOptions?.setOption(.autoRead, value: reads)
            try channel.pipeline.syncOperations.addHandler(handler)
            try channel.activate()
            return channel
        }
        input = try channel(CommandInputHandler(leg: self), reads: false)
        output = try channel(CommandOutputHandler(leg: self), reads: false)
        errors = try channel(CommandErrorHandler(logger: logger), reads: true)
    }

    /// Gives the pipes back, for a command that never runs.
    func closeChannels() {
        input?.close(promise: nil)
        output?.close(promise: nil)
        errors?.close(promise: nil)
    }

    // MARK: WebSocketLeg

    var version: LegVersion { .http1 }
    func agreement(in response: HTTPResponse) -> UpstreamAgreement? { nil }
    func setMayRead(_ mayRead: Bool) {}

    func giveUp() {
        phase = .over
        endProcess()
    }

    func relay(with driver: SessionDriver) {
        phase = .relaying(driver)
        driver.attach(self, as: .server)
        driver.oweRead(.server)
    }

    // MARK: What the command writes

    func outputCame(_ bytes: ByteBuffer) {
        if case .over = phase { return }
        guard !hasClosed else { return }
        deliver(decoder.decode(bytes))
    }

    func outputReadComplete() {
        switch phase {
        case .waiting:
            break
        case .relaying(let driver):
            driver.readComplete()
            wantMore(driver)
        case .over:
            output?.read()
        }
    }

    func outputEnded() {
        output = nil
        hasOutputEnded = true
        conclude()
    }

    private func wantMore(_ driver: SessionDriver) {
        guard case .relaying = phase, held == nil, !hasOutputEnded, driver.mayRead(.server) else { return }
        output?.read()
    }

    /// The end of a pipe makes NIO read all that is in it, whether it was asked for or not.
    private func deliver(_ frames: ByteBuffer) {
        guard frames.readableBytes > 0 else { return }
        if case .relaying(let driver) = phase, held == nil, driver.mayRead(.server) {
            driver.read(frames, from: .server)
        } else if held == nil {
            held = frames
        } else {
            held?.writeImmutableBuffer(frames)
        }
    }

    /// Says the last word of a command that has ended, behind all that it wrote.
    private func conclude() {
        guard case .relaying(let driver) = phase, hasOutputEnded, let exit, !hasClosed else { return }
        deliver(decoder.finish())
        let isWhole = decoder.isAtBoundary
        switch exit {
        case .status(0) where isWhole: say(ClosePayload(code: .normalClosure), to: driver)
        case .status(0):
            say(ClosePayload(code: .internalError, reason: "the command ended inside a message"), to: driver)
        default: say(ClosePayload(code: .internalError, reason: "\(exit)"), to: driver)
        }
    }

    private func say(_ close: ClosePayload, to driver: SessionDriver) {
        guard !hasClosed else { return }
        hasClosed = true
        encoder.stop()
        deliver(CommandOutputDecoder.closeFrame(close))
        if held == nil { leave(driver) }
    }

    /// A Close has been handed on: this leg is as good as a server that ends its connection behind it.
    private func leave(_ driver: SessionDriver) {
        phase = .over
        driver.ended(.server)
        driver.closed(.server, inOrder: true)
        output?.read()
    }

    // MARK: What the session wants

    func write(_ bytes: ByteBuffer) {
        guard case .relaying(let driver) = phase else { return }
        let said = encoder.encode(bytes)
        if said.bytes.readableBytes > 0 { input?.write(said.bytes, promise: nil) }
        if let ping = said.ping, !hasClosed { answer(ping, driver) }
        if let payload = said.close {
            endProcess()
            say(Self.answer(to: payload), to: driver)
        } else if let refusal = said.refusal {
            endProcess()
            say(refusal, to: driver)
        }
    }

    private func answer(_ ping: ByteBuffer, _ driver: SessionDriver) {
        let pong = CommandOutputDecoder.pongFrame(ping)
        if held == nil, driver.mayRead(.server) {
            driver.read(pong, from: .server)
        } else {
            waitingPong = pong
        }
    }

    /// The code that came (RFC 6455 §5.5.1).
    private static func answer(to payload: ByteBuffer) -> ClosePayload {
        let close = try? payload.withUnsafeReadableBytes { try ClosePayload.parse($0) }
        return ClosePayload(code: close?.code)
    }

    func writeClose(_ bytes: ByteBuffer) { write(bytes) }
    func flush() { input?.flush() }
    var isWritable: Bool { input?.isWritable ?? true }

    var waitingBytes: Int {
        let waiting = try? input?.syncOptions?.getOption(.bufferedWritableBytes)
        return encoder.heldBytes + (waiting ?? 0)
    }

    var sharedConnection: ConnectionSnapshot.Shared? { nil }

    func read() {
        guard case .relaying(let driver) = phase else { return }
        guard held != nil || waitingPong != nil || hasOutputEnded else {
            output?.read()
            return
        }
        while var bytes = held.take() {
            let piece = bytes.readSlice(length: min(bytes.readableBytes, Self.pieceSize))
            if bytes.readableBytes > 0 { held = bytes }
            if let piece { driver.read(piece, from: .server) }
            driver.readComplete()
            guard held != nil, case .relaying = phase, driver.mayRead(.server) else { break }
        }
        guard held == nil, case .relaying = phase else { return }
        if hasClosed { return leave(driver) }
        if let pong = waitingPong.take() {
            driver.read(pong, from: .server)
            driver.readComplete()
        }
        conclude()
        wantMore(driver)
    }

    /// What was for the client has come to its end: the command has nobody left.
    func endWriting() {
        guard case .relaying(let driver) = phase else { return }
        endProcess()
        leave(driver)
    }

    func drop() {
        phase = .over
        held = nil
        endProcess()
    }

    // MARK: What the command reads

    func inputWritabilityChanged(isWritable: Bool) {
        if case .relaying(let driver) = phase { driver.writabilityChanged(.server, isWritable: isWritable) }
    }

    /// The command has closed it, or is gone: what is said from now on is read over.
    func inputEnded() {
        input = nil
        inputWritabilityChanged(isWritable: true)
    }

    /// The input ends behind what was written to it.
    private func endProcess() {
        let input = input
        input?.writeAndFlush(ByteBuffer()).whenComplete { _ in input?.close(promise: nil) }
        process.end()
        // A command that writes is not to wait for somebody to read it, so that it comes to see the end of its input.
        if case .over = phase { output?.read() }
    }
}

extension CommandLeg: CommandProcessDelegate {
    func exited(_ exit: CommandExit) {
        self.exit = exit
        conclude()
    }

    /// The pipes end with it. Only who has left its group can hold them any longer, and is not waited for.
    func processIsGone() {
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: Self.timeToReadRest) { this.value.closeChannels() }
    }
}
