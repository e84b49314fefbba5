import NIOCore

/// Throws away what a peer still sends when nothing more is expected of it; its end passes.
final class InputDiscard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
