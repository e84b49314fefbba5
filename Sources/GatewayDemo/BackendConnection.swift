import NIOCore
import NIOWebSocket

/// One WebSocket of the backend: answers pings and Closes, and gives whole messages to its endpoint.
final class BackendConnection: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private enum State {
        case open
        /// A Close was written: nothing may follow it (RFC 6455 §5.5.1).
        case closing
    }

    /// Close sent to Close received.
    private static let closeTimeout = TimeAmount.seconds(2)

    private let endpoint: BackendEndpoint
    private var state = State.open
    private var member: ChatRoom.MemberID?

    init(endpoint: BackendEndpoint) {
        self.endpoint = endpoint
    }

    func handlerAdded(context: ChannelHandlerContext) {
        switch endpoint {
        case .chat(let room):
            member = room.join(context.channel)
            if member == nil {
                fail(BackendFailure(code: 1013, reason: "the room is full"), context: context)
            }
        case .server(let number):
            let channel = context.channel
            let name = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: "{\"server\":\(number)}"))
            // The rest of the pipeline is there in the next turn.
            context.eventLoop.execute { channel.writeAndFlush(name, promise: nil) }
        case .echo, .fault:
            break
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leaveRoom()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard state == .open else {
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        switch frame.opcode {
        case .text, .binary:
            received(frame.opcode, frame.unmaskedData, context: context)
        case .ping:
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
        case .connectionClose:
            answerClose(frame.unmaskedData, context: context)
        default:
            break  // A pong wants no answer (RFC 6455 §5.5.3).
        }
    }

    private func received(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, context: ChannelHandlerContext) {
        if opcode == .text, String(validating: payload.readableBytesView, as: UTF8.self) == nil {
            return fail(BackendFailure(code: 1007, reason: "text message is not UTF-8"), context: context)
        }
        switch endpoint {
        case .echo, .server:
            let echo = WebSocketFrame(fin: true, opcode: opcode, data: payload)
            context.writeAndFlush(wrapOutboundOut(echo), promise: nil)
        case .chat(let room):
            guard opcode == .text else {
                return fail(BackendFailure(code: 1003, reason: "the chat takes text messages"), context: context)
            }
            let limit = room.limits.messageSize
            guard payload.readableBytes <= limit else {
                let reason = "chat message is \(payload.readableBytes) bytes, limit \(limit)"
                return fail(BackendFailure(code: 1009, reason: reason), context: context)
            }
            if let member { room.say(String(buffer: payload), by: member) }
        case .fault(let fault):
            commit(fault, context: context)
        }
    }

    /// Breaks the rule. What the gateway then sends is only read to its Close.
    private func commit(_ fault: BackendFault, context: ChannelHandlerContext) {
        state = .closing
        let channel = context.channel
        let written = context.writeAndFlush(wrapOutboundOut(fault.frame))
        guard fault.endsConnection else { return cutLater(channel) }
        written.whenComplete { _ in channel.close(promise: nil) }
    }

    /// Echoes the code, as RFC 6455 §5.5.1 suggests, and ends the connection, as §7.1.1 asks of servers.
    private func answerClose(_ payload: ByteBuffer, context: ChannelHandlerContext) {
        guard payload.readableBytes > 0 else {
            return finish(close(payload), context: context)
        }
        let code = payload.getInteger(at: payload.readerIndex, as: UInt16.self)
        let reason = payload.readableBytesView.dropFirst(2)
        guard let code, Self.mayBeSent(code) else {
            return finish(close(.init(code: 1002, reason: "bad close code")), context: context)
        }
        guard String(validating: reason, as: UTF8.self) != nil else {
            return finish(close(.init(code: 1007, reason: "close reason is not UTF-8")), context: context)
        }
        finish(close(.init(code: code, reason: "")), context: context)
    }

    private func finish(_ frame: WebSocketFrame, context: ChannelHandlerContext) {
        state = .closing
        leaveRoom()
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(frame)).whenComplete { _ in channel.close(promise: nil) }
        cutLater(channel)
    }

    /// RFC 6455 §7.1.7. The socket stays for the peer's Close: closing it over unread data would reset the
    /// connection, and the peer could lose the reason.
    private func fail(_ failure: BackendFailure, context: ChannelHandlerContext) {
        guard state == .open else { return }
        state = .closing
        leaveRoom()
        context.writeAndFlush(wrapOutboundOut(close(failure)), promise: nil)
        cutLater(context.channel)
    }

    private func cutLater(_ channel: any Channel) {
        let cut = channel.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in cut.cancel() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let failure as BackendFailure:
            fail(failure, context: context)
        case NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge,
            NIOWebSocketFrameAggregator.Error.tooManyFragments:
            fail(BackendFailure(code: 1009, reason: "message over the backend's limit"), context: context)
        case is NIOWebSocketFrameAggregator.Error:
            fail(BackendFailure(code: 1002, reason: "fragments out of order"), context: context)
        case is NIOWebSocketError:
            // `WebSocketProtocolErrorHandler` has written the Close already, and closes the channel.
            state = .closing
            leaveRoom()
        default:
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is BackendStopping {
            fail(BackendFailure(code: 1001, reason: "the backend stops"), context: context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// The room's messages come this way; those on their way when the Close was written end here.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state == .open else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        context.write(data, promise: promise)
    }

    /// A client that sends but does not read is no longer read from, or its echoes would pile up here.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        try? context.channel.syncOptions?.setOption(.autoRead, value: context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    private func leaveRoom() {
        guard case .chat(let room) = endpoint, let member else { return }
        self.member = nil
        room.leave(member)
    }

    private func close(_ payload: ByteBuffer) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: .connectionClose, data: payload)
    }

    private func close(_ failure: BackendFailure) -> WebSocketFrame {
        var payload = ByteBuffer()
        payload.writeInteger(failure.code)
        payload.writeString(failure.reason)
        return close(payload)
    }

    /// RFC 6455 §7.4: the codes an endpoint may put on the wire.
    private static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
