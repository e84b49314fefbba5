import GatewayConfig
import GatewayTelemetry
import Logging
import NIOCore
import SocketTransport
import Synchronization

/// One address the gateway accepts connections on. Its sockets outlive the configuration: what a connection meets is
/// looked up when it is accepted.
///
/// On TCP every event loop has an accept socket of its own (SO_REUSEPORT), so that the kernel spreads connections and
/// none changes threads. A unix socket has one, and hands its connections round.
final class Listener: Sendable {
    /// The listener of the generation in force.
    private final class InForce: Sendable {
        private let compiled: Mutex<CompiledListener>

        init(_ compiled: CompiledListener) { self.compiled = Mutex(compiled) }

        var value: CompiledListener {
            get { compiled.withLock { $0 } }
            set { compiled.withLock { $0 = newValue } }
        }
    }

    private let inForce: InForce
    let sockets: AcceptingSockets

    private init(_ inForce: InForce, sockets: AcceptingSockets) {
        self.inForce = inForce
        self.sockets = sockets
    }

    var configuration: ListenerConfiguration { inForce.value.configuration }

    /// What the address has become: the port is known where 0 was asked for.
    var boundAddress: Address { sockets.boundAddress }

    /// From now on connections meet this one.
    func follow(_ next: CompiledListener) { inForce.value = next }

    /// Opens the sockets that a listener needs. Blocks.
    ///
    /// - Parameter mayShare: whether a listener that is to end has an address in common with it.
    /// - Throws: what the system says of the address.
    static func openSockets(
        _ configuration: ListenerConfiguration, loops: Int, mayShare: Bool
    ) throws -> ListeningDescriptors {
        try ListeningDescriptors.open(
            configuration.address, access: configuration.access, count: loops, backlog: GatewayServer.backlog,
            mayShare: mayShare)
    }

    /// Accepts connections on sockets that listen. A single one that can't be shared hands its connections round.
    ///
    /// - Parameter waits: see ``AcceptingSockets/accept(on:waits:loops:shortage:initializer:)``.
    static func accept(
        on descriptors: ListeningDescriptors, _ compiled: CompiledListener, waits: Bool, loops: [LoopHandle],
        logger: Logger
    ) async throws -> Listener {
        let inForce = InForce(compiled)
        let name = compiled.configuration.name
        let sockets = try await AcceptingSockets.accept(
            on: descriptors, waits: waits, loops: loops.map(\.eventLoop)
        ) { error in
            AcceptingSockets.tellShortage(of: name, because: error, to: logger)
        } initializer: { channel in
            guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
                throw ChannelError.operationUnsupported
            }
            try setUp(channel, for: inForce.value, on: loop.context.value)
        }
        return Listener(inForce, sockets: sockets)
    }

    private static func setUp(_ channel: SocketChannel, for listener: CompiledListener, on loop: LoopContext) throws {
        loop.counters.transportAccepted()
        channel.observe(by: loop.transports)
        let pipeline = channel.pipeline.syncOperations
        let http1 = HTTP1Front(listener: listener, loop: loop)
        if listener.configuration.proxyProtocol {
            try pipeline.addHandler(ProxyHeaderGate(http1: http1, listener: listener, loop: loop))
        } else if let tls = listener.tls {
            try channel.startTLS(server: tls.context)
        }
        let offersHTTP2 = listener.configuration.protocols.contains(.http2)
        if offersHTTP2 { try pipeline.addHandler(ProtocolChoice(http1: http1, listener: listener, loop: loop)) }
        try pipeline.addHandler(http1)
        if !offersHTTP2 { try http1.addCodec() }
    }
}

/// An event loop of the gateway, and what belongs to it.
struct LoopHandle: Sendable {
    let eventLoop: SocketEventLoop
    let context: NIOLoopBound<LoopContext>
}
