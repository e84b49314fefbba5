import GatewaySession
import GatewayTelemetry
import NIOCore
import SocketTransport
import WebSocketCore

/// The last handler of a leg's channel that needs a pipeline: of a client that speaks a draft.
final class RelayHandler: ChannelDuplexHandler, LegTransport {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let leg: Leg
    private let driver: SessionDriver
    private var context: ChannelHandlerContext?
    private var sawEnd = false
    /// Whether close codes are those of versions 7 and 8.
    private let hasLegacyCodes: Bool

    init(leg: Leg, driver: SessionDriver, hasLegacyCodes: Bool = false) {
        self.leg = leg
        self.driver = driver
        self.hasLegacyCodes = hasLegacyCodes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        driver.attach(self, as: leg)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
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
        if error is UncleanTLSEnd { return }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // An orderly end has been seen as such, over TLS as well. Without one it was reset, even where no error was
        // caught: when a write is the first to fail, NIO closes the channel and tells the write alone.
        driver.closed(leg, inOrder: sawEnd)
    }

    // MARK: LegTransport

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }
    func writeClose(_ bytes: ByteBuffer) { write(hasLegacyCodes ? LegacyCloseCodes.forClient(bytes) : bytes) }
    func flush() { context?.flush() }
    var isWritable: Bool { context?.channel.isWritable ?? true }
    func read() { context?.read() }
    func endWriting() { context?.close(mode: .output, promise: nil) }
    func drop() { context?.close(mode: .all, promise: nil) }

    var sharedConnection: ConnectionSnapshot.Shared? { nil }

    var waitingBytes: Int {
        guard let context, let options = context.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }
}
