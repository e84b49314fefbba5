import GatewayTelemetry
import SocketTransport

/// Counts the ends of clients' transport connections of one event loop.
final class TransportCounter: StreamSocketObserver {
    private let counters: LoopCounters

    init(_ counters: LoopCounters) { self.counters = counters }

    func socketHasClosed() { counters.transportsClosed.add() }
}
