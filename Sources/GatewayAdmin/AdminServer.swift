public import GatewayConfig
import GatewayPolicy
public import NIOCore
import NIOHTTP1
public import NIOPosix

/// The admin endpoint: an HTTP/1.1 server of its own, away from the listeners.
public final class AdminServer: Sendable {
    /// A listening socket, and how it ends.
    public typealias Socket = (channel: any Channel, close: @Sendable () async -> Void)

    private let socket: Socket
    private let access: CurrentAccess
    /// What the address has become: the port is known where 0 was asked for.
    public let boundAddress: Address

    private init(socket: Socket, access: CurrentAccess, boundAddress: Address) {
        self.socket = socket
        self.access = access
        self.boundAddress = boundAddress
    }

    /// - Parameters:
    ///   - listening: sets up the listening socket's own pipeline.
    ///   - bindUnix: listens on the unix socket with that path, as the listeners do.
    /// - Throws: what the system says of the address.
    public static func start(
        _ configuration: AdminConfiguration, source: AdminSource, group: any EventLoopGroup,
        listening: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
        bindUnix: (ServerBootstrap, _ path: String) async throws -> Socket
    ) async throws -> AdminServer {
        let access = CurrentAccess(AdminAccess(configuration))
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelInitializer(listening)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: .seconds(30)))
                    // It holds a pipelined request back until the one before is answered, so answers keep their order.
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: false)
                    try pipeline.addHandler(AdminConnection(source: source, access: access))
                }
            }
        switch configuration.address {
        case .unix(let path):
            return AdminServer(
                socket: try await bindUnix(bootstrap, path), access: access, boundAddress: configuration.address)
        case .tcp(let host, let port):
            let channel =
                try await bootstrap
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            return AdminServer(
                socket: (channel, { try? await channel.close() }), access: access,
                boundAddress: .tcp(host: host, port: channel.localAddress?.port ?? port))
        }
    }

    /// From now on requests are allowed as this configuration says; the address stays.
    public func follow(_ configuration: AdminConfiguration) { access.value = AdminAccess(configuration) }

    public func stop() async {
        await socket.close()
    }
}
