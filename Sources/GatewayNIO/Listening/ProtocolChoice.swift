import GatewayConfig
import HTTP2Core
import NIOCore
import NIOTLS
import SocketTransport

/// Finds out which HTTP a client speaks, and makes the connection one of that kind: over TLS by what ALPN has chosen
/// (RFC 9113 §3.2), in the clear by the client connection preface, which no HTTP/1.1 request begins with (§3.3).
final class ProtocolChoice: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let preface = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    private let http1: HTTP1Front
    private let listener: CompiledListener
    private let loop: LoopContext
    private var buffer: ByteBuffer?

    /// - Parameter http1: in the pipeline behind this one, without its codec: what the connection is until it is known.
    init(http1: HTTP1Front, listener: CompiledListener, loop: LoopContext) {
        self.http1 = http1
        self.listener = listener
        self.loop = loop
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted(let chosen) = event else {
            return context.fireUserInboundEventTriggered(event)
        }
        if chosen == ApplicationProtocol.http2.rawValue {
            switchToHTTP2(context)
        } else {
            switchToHTTP1(context) { context.fireUserInboundEventTriggered(event) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard listener.tls == nil else { return context.fireChannelRead(data) }
        if var buffer {
            buffer.writeBuffer(&bytes)
            bytes = buffer
        }
        let beginning = Self.preface.readableBytesView.prefix(bytes.readableBytes)
        guard bytes.readableBytesView.starts(with: beginning) else {
            buffer = nil
            switchToHTTP1(context) { context.fireChannelRead(wrapInboundOut(bytes)) }
            return
        }
        buffer = bytes
        if beginning.count == Self.preface.readableBytes { switchToHTTP2(context) }
    }

    /// - Parameter tell: hands on what has come; a handler that was removed can't.
    private func switchToHTTP1(_ context: ChannelHandlerContext, tell: () -> Void) {
        do {
            try http1.addCodec()
            if listener.configuration.protocols.contains(.http1) { tell() } else { http1.refuseVersion() }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }

    private func switchToHTTP2(_ context: ChannelHandlerContext) {
        let (channel, pipeline) = (context.channel, context.pipeline.syncOperations)
        let front = HTTP2Front(
            id: loop.makeID(), listener: listener, loop: loop, peer: http1.peer, named: http1.namedEndpoints)
        // Before it the handshake's time runs and nothing is read.
        pipeline.removeHandler(http1, promise: nil)
        pipeline.removeHandler(self, promise: nil)
        guard let socket = (channel as? SocketChannel)?.detach() else { return channel.close(promise: nil) }
        front.start(on: socket, early: buffer.take())
    }
}
