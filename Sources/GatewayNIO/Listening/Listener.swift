import GatewayConfig
import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One address the gateway accepts connections on. Its sockets outlive the configuration: what a connection meets is
/// looked up when it is accepted.
///
/// On TCP every event loop has an accept socket of its own (SO_REUSEPORT), so that the kernel spreads connections and
/// none changes threads. A unix socket has one, and hands its connections round.
final class Listener: Sendable {
    /// Bytes waiting to be sent on a leg: above the high one its other side is no longer read, until below the low one.
    static let watermarks = ChannelOptions.Types.WriteBufferWaterMark(low: 32 * 1024, high: 128 * 1024)
    private static let backlog: Int32 = 4096
    private static let reusePort = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)

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
    private let channels: [any Channel]
    private let unixSocket: UnixListeningSocket?
    /// What the address has become: the port is known where 0 was asked for.
    let boundAddress: Address

    private init(
        _ inForce: InForce, channels: [any Channel], unixSocket: UnixListeningSocket?, boundAddress: Address
    ) {
        self.inForce = inForce
        self.channels = channels
        self.unixSocket = unixSocket
        self.boundAddress = boundAddress
    }

    var configuration: ListenerConfiguration { inForce.value.configuration }

    /// From now on connections meet this one.
    func follow(_ next: CompiledListener) { inForce.value = next }

    /// - Throws: what the system says of the address.
    static func bind(_ compiled: CompiledListener, loops: [LoopHandle], logger: Logger) async throws -> Listener {
        let inForce = InForce(compiled)
        let initializer: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture {
                guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
                    throw ChannelError.operationUnsupported
                }
                try setUp(channel.pipeline.syncOperations, for: inForce.value, on: loop.context.value)
            }
        }
        let configuration = compiled.configuration
        let pauses: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    AcceptPause(listener: configuration.name, logger: logger))
            }
        }
        switch configuration.address {
        case .unix(let path):
            let socket = try await UnixListeningSocket.bind(
                bootstrap(ServerBootstrap(group: loops[0].eventLoop, childGroup: loops[0].group), initializer)
                    .serverChannelInitializer(pauses),
                path: path, access: configuration.access, backlog: backlog)
            return Listener(inForce, channels: [], unixSocket: socket, boundAddress: configuration.address)
        case .tcp(let host, var port):
            var channels: [any Channel] = []
            do {
                for loop in loops {
                    let channel = try await bootstrap(ServerBootstrap(group: loop.eventLoop), initializer)
                        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                        .serverChannelOption(.socketOption(reusePort), value: 1)
                        .serverChannelInitializer(pauses)
                        .bind(host: host, port: port).get()
                    channels.append(channel)
                    port = channel.localAddress?.port ?? port
                }
            } catch {
                for channel in channels { try? await channel.close() }
                throw error
            }
            return Listener(
                inForce, channels: channels, unixSocket: nil, boundAddress: .tcp(host: host, port: port))
        }
    }

    private static func setUp(
        _ pipeline: ChannelPipeline.SynchronousOperations, for listener: CompiledListener, on loop: LoopContext
    ) throws {
        try pipeline.addHandler(TransportCounter(loop.counters))
        if let tls = listener.tls { try pipeline.addHandler(tls.makeHandler()) }
        let http1 = HTTP1Handshake(listener: listener, loop: loop)
        let offersHTTP2 = listener.configuration.protocols.contains(.http2)
        if offersHTTP2 { try pipeline.addHandler(ProtocolChoice(http1: http1, listener: listener, loop: loop)) }
        try pipeline.addHandler(http1)
        if !offersHTTP2 { try http1.addCodec() }
    }

    private static func bootstrap(
        _ bootstrap: ServerBootstrap, _ initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> ServerBootstrap {
        bootstrap
            .serverChannelOption(.backlog, value: backlog)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: watermarks)
            .childChannelInitializer(initializer)
    }

    func stopAccepting() async {
        await unixSocket?.close()
        for channel in channels { try? await channel.close() }
    }
}

/// An event loop of the gateway, and what belongs to it.
struct LoopHandle: Sendable {
    let eventLoop: any EventLoop
    let group: any EventLoopGroup
    let context: NIOLoopBound<LoopContext>
}
