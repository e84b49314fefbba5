import NIOCore
import WebSocketCore

/// Stands before the `RelayHandler` of a client of version 7 or 8, whose close codes differ in one.
final class LegacyCloseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var reader = LegacyCloseReader()
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Bytes that came before this handler was there.
    func receive(_ bytes: ByteBuffer) {
        let frames = reader.read(bytes)
        if frames.readableBytes > 0 { context?.fireChannelRead(wrapInboundOut(frames)) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(unwrapInboundIn(data)) }
}
