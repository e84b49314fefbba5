import GatewaySession
import NIOCore
import WebSocketCore

/// Stands between the connection of a hixie-76 client and its `RelayHandler`: what the session sees is a client of
/// RFC 6455.
///
/// Pings end here and are answered at once, the session's own as well: the client knows of none, so its silence says
/// nothing. What the client can't be told is refused in its name.
final class HixieTranslator: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let driver: SessionDriver
    private let maskKeys: RandomMaskKeys
    private var decoder: HixieDecoder
    private var encoder = HixieEncoder()
    /// The answer to the last ping, while the session wants nothing from the client. An earlier one need not be answered
    /// (RFC 6455 §5.5.3).
    private var waitingPong: ByteBuffer?
    private var context: ChannelHandlerContext?

    init(driver: SessionDriver, maskKeys: RandomMaskKeys, maxMessageSize: Int) {
        self.driver = driver
        self.maskKeys = maskKeys
        decoder = HixieDecoder(maximumDiscard: maxMessageSize)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends what ends the opening handshake, behind the head.
    func prove(_ proof: [UInt8]) {
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: proof)), promise: nil)
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
