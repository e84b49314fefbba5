import GatewayConfig
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One address the gateway accepts connections on.
///
/// On TCP every event loop has an accept socket of its own (SO_REUSEPORT), so that the kernel spreads connections and
/// none changes threads. A unix socket has one, and hands its connections round.
struct Listener {
    /// Bytes waiting to be sent on a leg: above the high one its other side is no longer read, until below the low one.
    static let watermarks = ChannelOptions.Types.WriteBufferWaterMark(low: 32 * 1024, high: 128 * 1024)
    private static let backlog: Int32 = 4096
    private static let reusePort = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)

    let configuration: ListenerConfiguration
    /// nil: cleartext.
    let tls: RenewedTLS?
    private let channels: [any Channel]
    private let unixSocket: UnixListeningSocket?

    /// What the address has become: the port is known where 0 was asked for.
    let boundAddress: Address

    /// - Throws: what the system says of the address, or NIOSSL of a certificate.
    static func bind(
        _ configuration: ListenerConfiguration, loops: [LoopHandle], logger: Logger
    ) async throws -> Listener {
        let tls = try configuration.tls.map { try RenewedTLS($0, protocols: configuration.protocols) }
        let initializer: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture {
                guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
                    throw ChannelError.operationUnsupported
                }
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(TransportCounter(loop.context.value.counters))
                if let tls { try pipeline.addHandler(tls.makeHandler()) }
                let http1 = HTTP1Handshake(listener: configuration, loop: loop.context.value)
                if configuration.protocols.contains(.http2) {
                    try pipeline.addHandler(
                        ProtocolChoice(http1: http1, listener: configuration, loop: loop.context.value))
                }
                try pipeline.addHandler(http1)
                if !configuration.protocols.contains(.http2) { try http1.addCodec() }
            }
        }
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
            return Listener(
                configuration: configuration, tls: tls, channels: [], unixSocket: socket,
                boundAddress: configuration.address)
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
                configuration: configuration, tls: tls, channels: channels, unixSocket: nil,
                boundAddress: .tcp(host: host, port: port))
        }
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
