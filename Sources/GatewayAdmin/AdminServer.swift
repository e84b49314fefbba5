public import GatewayConfig
import GatewayPolicy
import NIOCore
import NIOHTTP1
public import SocketTransport

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
    ///   - accept: accepts as the listeners do, and sets each connection up with what it gets.
    /// - Throws: what `accept` does.
    public static func start(
        _ configuration: AdminConfiguration, source: AdminSource,
        accept: (@escaping AcceptingSocket.Initializer) async throws -> Socket
    ) async throws -> AdminServer {
        let access = CurrentAccess(AdminAccess(configuration))
        let feed = LiveFeed(source.dashboard)
        let socket = try await accept { channel in
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(IdleStateHandler(allTimeout: .seconds(30)))
            // It holds a pipelined request back until the one before is answered, so answers keep their order.
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: false)
            try pipeline.addHandler(AdminConnection(source: source, access: access, feed: feed))
        }
        return AdminServer(socket: socket, access: access)
    }

    /// From now on requests are allowed as this configuration says; the address stays.
    public func follow(_ configuration: AdminConfiguration) { access.follow(configuration) }

    public func stop() async {
        await socket.stop()
    }
}
