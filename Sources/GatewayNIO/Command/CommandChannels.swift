import GatewayPolicy
import Logging
import NIOCore

/// The end of the channel of a command's standard output: hands on what comes.
final class CommandOutputHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let leg: CommandLeg

    init(leg: CommandLeg) { self.leg = leg }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { leg.outputCame(unwrapInboundIn(data)) }
    func channelReadComplete(context: ChannelHandlerContext) { leg.outputReadComplete() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { leg.outputEnded() }
}

/// The end of the channel of a command's standard input.
final class CommandInputHandler: ChannelInboundHandler {
    typealias InboundIn = Never

    private let leg: CommandLeg

    init(leg: CommandLeg) { self.leg = leg }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        leg.inputWritabilityChanged(isWritable: context.channel.isWritable)
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { leg.inputEnded() }
}

/// The end of the channel of a command's standard error: a line is an entry of the log. What is too much for the log is
/// read and left out, so that no command waits for it.
final class CommandErrorHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let logger: Logger
    private var output = ErrorOutput(now: .now())

    init(logger: Logger) { self.logger = logger }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        tell(output.take(unwrapInboundIn(data), now: .now()))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        tell(output.finish(now: .now()))
        tellLeftOut()
    }

    private func tell(_ lines: [String]) {
        // Before the next line that is written, so that the log says where they are missing.
        if !lines.isEmpty { tellLeftOut() }
        for line in lines { logger.info("command wrote to standard error", metadata: ["line": "\(line)"]) }
    }

    private func tellLeftOut() {
        let count = output.takeLeftOut()
        guard count > 0 else { return }
        logger.warning("lines of a command's standard error left out", metadata: ["lines": .stringConvertible(count)])
    }
}
