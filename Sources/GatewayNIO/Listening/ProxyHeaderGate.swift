import GatewayConfig
import GatewayPolicy
import GatewayTLS
import GatewayTelemetry
import Logging
import NIOCore
import SocketTransport

/// Takes the header of the PROXY protocol off the beginning of a connection, before TLS and HTTP see any of it.
///
/// A trusted proxy has to send one: its clients would otherwise all be taken for the proxy. Anyone else must not, and
/// is served like on other listeners. How long it may take is the handshake's concern, which stands behind.
final class ProxyHeaderGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let compiled: CompiledListener
    private var listener: ListenerConfiguration { compiled.configuration }
    private let loop: LoopContext
    private let http1: HTTP1Front
    /// At most a header, and what one read brought with it.
    private var buffer: ByteBuffer?
    private var isRefused = false

    /// - Parameter http1: learns who the client is.
    init(http1: HTTP1Front, listener: CompiledListener, loop: LoopContext) {
        self.http1 = http1
        compiled = listener
        self.loop = loop
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        var bytes = unwrapInboundIn(data)
        if var buffer = buffer.take() {
            buffer.writeBuffer(&bytes)
            bytes = buffer
        }
        let peer = ClientAddress(of: context.channel)
        if peer.isTrusted(by: listener.trustedProxies) {
            do throws(ProxyHeaderError) {
                guard let header = try ProxyHeader(readingBeginningOf: bytes.readableBytesView) else {
                    buffer = bytes
                    return
                }
                bytes.moveReaderIndex(forwardBy: header.length)
                http1.namedEndpoints = header.endpoints
            } catch {
                return refuse(context, peer, .warning, reason: error.description)
            }
        } else {
            switch ProxyHeader.beginning(of: bytes.readableBytesView) {
            case .header:
                return refuse(
                    context, peer, .info, reason: "trusted_proxies does not name the peer, and it sent a header")
            case .undecided:
                buffer = bytes
                return
            case .other: break
            }
        }
        if let tls = compiled.tls {
            startTLS(tls.context, with: bytes, context)
        } else if bytes.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(bytes))
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func startTLS(_ tls: TLSServerContext, with early: ByteBuffer, _ context: ChannelHandlerContext) {
        do {
            guard let channel = context.channel as? SocketChannel else { throw ChannelError.operationUnsupported }
            try channel.startTLS(server: tls, early: early)
        } catch {
            context.close(promise: nil)
        }
    }

    /// Nothing can be answered: it is not known what the peer speaks.
    private func refuse(
        _ context: ChannelHandlerContext, _ peer: ClientAddress, _ level: Logger.Level, reason: String
    ) {
        isRefused = true
        loop.process.telemetry.rejected("proxy_protocol")
        loop.process.logger.log(
            level: level, "PROXY protocol refused",
            metadata: ["client": "\(peer)", "listener": "\(listener.name)", "reason": "\(reason)"])
        context.close(promise: nil)
    }
}

extension ConnectionEndpoints {
    /// Those of a client's connection; what is no IP address is unix.
    init(of channel: (any Channel)?) {
        self.init(local: channel?.localAddress, remote: channel?.remoteAddress)
    }

    init(local: SocketAddress?, remote: SocketAddress?) {
        self.init(
            source: ClientAddress(remote),
            sourcePort: UInt16(exactly: remote?.port ?? 0) ?? 0,
            destination: (local?.ipAddress).flatMap { ClientAddress(parsing: $0) } ?? .unix,
            destinationPort: UInt16(exactly: local?.port ?? 0) ?? 0)
    }
}
