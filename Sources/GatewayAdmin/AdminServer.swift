public import GatewayConfig
import GatewayPolicy
public import NIOCore
import NIOHTTP1
import NIOPosix

/// The admin endpoint: an HTTP/1.1 server of its own, away from the listeners.
public final class AdminServer: Sendable {
    private let channel: any Channel
    /// What the address has become: the port is known where 0 was asked for.
    public let boundAddress: Address

    private init(channel: any Channel, boundAddress: Address) {
        self.channel = channel
        self.boundAddress = boundAddress
    }

    /// - Parameter listening: sets up the listening socket's own pipeline.
    /// - Throws: what the system says of the address.
    public static func start(
        _ configuration: AdminConfiguration, source: AdminSource, group: any EventLoopGroup,
        listening: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) async throws -> AdminServer {
        let access = AdminAccess(token: configuration.token, hosts: KnownHosts(configuration.hosts))
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
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
            let channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            return AdminServer(channel: channel, boundAddress: configuration.address)
        case .tcp(let host, let port):
            let channel = try await bootstrap.bind(host: host, port: port).get()
            return AdminServer(
                channel: channel, boundAddress: .tcp(host: host, port: channel.localAddress?.port ?? port))
        }
    }

    public func stop() async {
        try? await channel.close()
    }
}
