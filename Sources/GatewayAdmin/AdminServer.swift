public import GatewayConfig
import GatewayPolicy
public import NIOCore
import NIOHTTP1
public import NIOPosix

/// The admin endpoint: an HTTP/1.1 server of its own, away from the listeners.
public final class AdminServer: Sendable {
    /// Listening sockets: where, and how that ends.
    public typealias Socket = (boundAddress: Address, stop: @Sendable () async -> Void)

    private let socket: Socket
    private let access: CurrentAccess
    /// What the address has become: the port is known where 0 was asked for.
    public var boundAddress: Address { socket.boundAddress }

    private init(socket: Socket, access: CurrentAccess) {
        self.socket = socket
        self.access = access
    }

    /// How many connections may wait to be accepted.
    public static let backlog: Int32 = 128

    /// - Parameters:
    ///   - listening: sets up the listening socket's own pipeline.
    ///   - accept: accepts with that bootstrap, as the listeners do.
    /// - Throws: what `accept` does.
    public static func start(
        _ configuration: AdminConfiguration, source: AdminSource, group: any EventLoopGroup,
        listening: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
        accept: (ServerBootstrap) async throws -> Socket
    ) async throws -> AdminServer {
        let access = CurrentAccess(AdminAccess(configuration))
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
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
        return AdminServer(socket: try await accept(bootstrap), access: access)
    }

    /// From now on requests are allowed as this configuration says; the address stays.
    public func follow(_ configuration: AdminConfiguration) { access.value = AdminAccess(configuration) }

    public func stop() async {
        await socket.stop()
    }
}
