import GatewaySession
import NIOCore
import NIOSSL

/// The last handler of a leg's channel once it carries frames.
final class RelayHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let leg: Leg
    private let driver: SessionDriver
    private var sawEnd = false

    init(leg: Leg, driver: SessionDriver) {
        self.leg = leg
        self.driver = driver
    }

    func handlerAdded(context: ChannelHandlerContext) {
        driver.attach(context, as: leg)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        driver.read(unwrapInboundIn(data), from: leg)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        driver.readComplete()
    }

    func read(context: ChannelHandlerContext) {
        if driver.mayRead(leg) { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        driver.writabilityChanged(leg, isWritable: context.channel.isWritable)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            sawEnd = true
            driver.ended(leg)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that ends TCP without TLS's close_notify has still ended it in order, as far as WebSocket goes.
        if let error = error as? NIOSSLError, case .uncleanShutdown = error { return }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // An orderly end has been seen as such, over TLS as well. Without one it was reset, even where no error was
        // caught: when a write is the first to fail, NIO closes the channel and tells the write alone.
        driver.closed(leg, inOrder: sawEnd)
    }
}
