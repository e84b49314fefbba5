import GatewayConfig
import GatewaySession
import NIOCore
import WebSocketCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Stands between the connection of a hixie-76 client and its `RelayHandler`: what the session sees is a client of
/// RFC 6455.
///
/// Pings end here and are answered at once, the session's own as well: the client knows of none, so its silence says
/// nothing. In their place TCP asks whether it is still there. What the client can't be told is refused in its name.
final class HixieTranslator: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let driver: SessionDriver
    private let maskKeys: RandomMaskKeys
    private let settings: SessionSettings
    private var decoder: HixieDecoder
    private var encoder = HixieEncoder()
    /// The answer to the last ping, while the session wants nothing from the client. An earlier one need not be answered
    /// (RFC 6455 §5.5.3).
    private var waitingPong: ByteBuffer?
    private var context: ChannelHandlerContext?

    init(driver: SessionDriver, maskKeys: RandomMaskKeys, settings: SessionSettings) {
        self.driver = driver
        self.maskKeys = maskKeys
        self.settings = settings
        decoder = HixieDecoder(maximumDiscard: settings.maxMessageSize)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends what ends the opening handshake, behind the head.
    func begin(with proof: [UInt8]) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: proof)), promise: nil)
        if settings.pingInterval > .zero { keepAlive(context.channel) }
    }

    /// As the session would with pings: the first probe after `ping_interval`, the end when none was answered within
    /// `pong_timeout`, both in whole seconds. A unix socket has nothing of the kind, and nobody there is gone unnoticed.
    private func keepAlive(_ channel: any Channel) {
        guard let options = channel.syncOptions, channel.remoteAddress?.port != nil else { return }
        let probes = 3
        let idle = Self.seconds(settings.pingInterval)
        let between = Self.seconds(settings.pongTimeout / probes)
        try? options.setOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: idle)
        try? options.setOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: between)
        try? options.setOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: probes)
        try? options.setOption(.socketOption(.so_keepalive), value: 1)
    }

    /// Rounded up, and what the kernel takes: 1 to 32,767.
    private static func seconds(_ duration: Duration) -> Int {
        let (seconds, rest) = duration.components
        return Int(min(max(rest > 0 ? seconds &+ 1 : seconds, 1), 32_767))
    }

    /// Bytes that came before this handler was there.
    func receive(_ bytes: ByteBuffer) {
        guard let context else { return }
        pass(decoder.decode(bytes, maskKey: maskKeys.nextMaskKey), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pass(decoder.decode(unwrapInboundIn(data), maskKey: maskKeys.nextMaskKey), context)
    }

    private func pass(_ frames: ByteBuffer, _ context: ChannelHandlerContext) {
        if frames.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(frames)) }
    }

    func read(context: ChannelHandlerContext) {
        if let pong = waitingPong.take() {
            pass(pong, context)
            context.fireChannelReadComplete()
        }
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let output = encoder.encode(unwrapOutboundIn(data))
        if output.bytes.readableBytes > 0 {
            context.write(wrapOutboundOut(output.bytes), promise: promise)
        } else {
            promise?.succeed()
        }
        if output.breaksOff {
            decoder.stop()
            context.flush()
            return context.close(promise: nil)
        }
        if let refusal = output.refusal, !decoder.isOver {
            decoder.stop()
            return pass(HixieDecoder.closeFrame(refusal, key: maskKeys.nextMaskKey()), context)
        }
        guard let ping = output.ping, !decoder.isOver else { return }
        let pong = HixieDecoder.pongFrame(ping, key: maskKeys.nextMaskKey())
        if driver.mayRead(.client) { pass(pong, context) } else { waitingPong = pong }
    }
}
