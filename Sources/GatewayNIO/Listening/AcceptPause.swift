public import Logging
public import NIOCore

/// Stops accepting for a moment when there is no file descriptor or memory for another connection.
///
/// Without it the listening socket stays registered for reading: clients wait in its queue, so every turn of the event
/// loop calls accept, which fails again, and all the time of the loop goes there. NIO's `AcceptBackoffHandler` holds
/// back reads that are asked for, but the one that failed counts as still pending, and none is asked for.
public final class AcceptPause: ChannelInboundHandler {
    public typealias InboundIn = any Channel

    /// Short, as one more client of the queue is served for each try while a descriptor is free now and then.
    static let length = TimeAmount.milliseconds(10)

    private let listener: String
    private let logger: Logger
    /// So that the log has one line for each time it runs short, not for each try.
    private var isShort = false

    public init(listener: String, logger: Logger) {
        self.listener = listener
        self.logger = logger
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isShort = false
        context.fireChannelRead(data)
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard (error as? IOError)?.isLackOfResources == true else { return context.fireErrorCaught(error) }
        if !isShort {
            isShort = true
            logger.warning(
                "accepting pauses",
                metadata: ["listener": "\(listener)", "reason": "\(ListenFailure.text(forAccept: error))"])
        }
        guard let options = context.channel.syncOptions else { return }
        try? options.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.length) {
            // It fails when the listener has closed meanwhile.
            try? options.setOption(.autoRead, value: true)
        }
    }
}
