import NIOCore
import NIOTLS

@testable import SocketTransport

/// Writes down what the pipeline tells, and answers as a test wants.
final class ChannelDiary: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var events: [String] = []
    var bytes: [UInt8] = []
    var kept: [ByteBuffer] = []
    var answer: (String, ChannelHandlerContext) -> Void = { _, _ in }

    private func note(_ event: String, _ context: ChannelHandlerContext) {
        events.append(event)
        answer(event, context)
    }

    func channelRegistered(context: ChannelHandlerContext) { note("registered", context) }
    func channelUnregistered(context: ChannelHandlerContext) { note("unregistered", context) }
    func channelActive(context: ChannelHandlerContext) { note("active", context) }
    func channelInactive(context: ChannelHandlerContext) { note("inactive", context) }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        kept.append(buffer)
        bytes += buffer.readableBytesView
        note("read", context)
    }
    func channelReadComplete(context: ChannelHandlerContext) { note("complete", context) }
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        note(context.channel.isWritable ? "writable" : "full", context)
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: note("inputClosed", context)
        case ChannelEvent.outputClosed: note("outputClosed", context)
        case TLSUserEvent.handshakeCompleted(let name): note("secured \(name ?? "-")", context)
        default: note("other", context)
        }
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        note("error \((error as? IOError).map { "\($0.errnoCode)" } ?? "\(type(of: error))")", context)
    }
    func handlerRemoved(context: ChannelHandlerContext) { events.append("removed") }
}
