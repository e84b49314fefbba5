import GatewayTelemetry
import NIOCore

/// Counts a client's transport connection while it is open.
final class TransportCounter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    private let counters: LoopCounters

    init(_ counters: LoopCounters) { self.counters = counters }

    func handlerAdded(context: ChannelHandlerContext) {
        counters.transportAccepted()
        let counters = counters
        context.channel.closeFuture.whenComplete { _ in counters.transportsClosed.add() }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
