import GatewayConfig
import NIOCore
import NIOTLS

/// Waits for what ALPN chooses on a connection to a server (RFC 9113 §3.2).
final class ALPNCheck: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    private let connection: HTTP2UpstreamConnection

    init(_ connection: HTTP2UpstreamConnection) { self.connection = connection }

    private var lastError: (any Error)?
    private var isDone = false

    func handlerAdded(context: ChannelHandlerContext) { connection.channel = context.channel }
    func handlerRemoved(context: ChannelHandlerContext) { connection.channel = nil }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted(let chosen) = event else {
            return context.fireUserInboundEventTriggered(event)
        }
        isDone = true
        if chosen == ApplicationProtocol.http2.rawValue {
            let channel = context.channel
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            connection.choseHTTP2(channel)
        } else {
            connection.chose(chosen)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lastError = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isDone { connection.failedTLS(lastError) }
    }
}
