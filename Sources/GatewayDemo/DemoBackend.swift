import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// One of the servers behind the demo's gateway: a WebSocket backend on SwiftNIO's own WebSocket server, which shares
/// no code with the gateway in front of it.
///
/// ``BackendEndpoint`` lists its paths. Any other path gets 404. A request for one of its paths that is no WebSocket
/// handshake gets 426.
public final class DemoBackend: Sendable {
    /// The path of the echo.
    public static let echoPath = "/echo"
    /// The path of the chat.
    public static let chatPath = "/chat"
    /// The path of an echo that first says which server it is.
    public static let serverPath = "/server"
    /// The subprotocol (RFC 6455 §1.9) every path chooses when it is offered.
    public static let subprotocol = "sluice-demo"
    /// Payload of one message and of one frame, in bytes; larger ones are closed with 1009.
    public static let maxMessageSize = 16 * 1024 * 1024

    /// The TCP port on 127.0.0.1 it listens on.
    public let port: Int
    /// Its address, as the gateway's configuration and statistics write it.
    public var address: String { "127.0.0.1:\(port)" }
    private let listener: any Channel
    private let connections: BackendConnections

    private init(port: Int, listener: any Channel, connections: BackendConnections) {
        self.port = port
        self.listener = listener
        self.connections = connections
    }

    /// Starts servers that share one chat room, so that guests meet whichever server the gateway chooses for them.
    ///
    /// - Parameters:
    ///   - count: How many. They are numbered from 1.
    ///   - group: The loops that serve all of them.
    /// - Throws: An `IOError` when a port cannot be bound.
    public static func start(_ count: Int, group: any EventLoopGroup) async throws -> [DemoBackend] {
        let room = ChatRoom(limits: .init())
        var started: [DemoBackend] = []
        for number in 0..<count {
            started.append(try await start(group: group, room: room, number: number + 1))
        }
        return started
    }

    /// Binds a free port of 127.0.0.1 and serves it on the group's loops.
    ///
    /// - Parameter number: What the server calls itself.
    /// - Throws: An `IOError` when the port cannot be bound.
    static func start(
        group: any EventLoopGroup, room: ChatRoom = ChatRoom(limits: .init()), number: Int = 1
    ) async throws -> DemoBackend {
        let connections = BackendConnections()
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                connections.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try BackendPipeline(endpoints: BackendEndpoints(room: room, number: number)).configure(channel)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = listener.localAddress?.port else {
            try await listener.close()
            throw ChannelError.unknownLocalAddress
        }
        return DemoBackend(port: port, listener: listener, connections: connections)
    }

    /// Stops listening and ends the WebSockets with Close 1001; what is still open after a second is cut.
    public func stop() async throws {
        try await listener.close()
        await connections.closeAll(within: .seconds(1))
    }
}

/// The connections that are open, so that `stop` can end them.
final class BackendConnections: Sendable {
    private let open = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel) {
        open.withLockedValue { $0[ObjectIdentifier(channel)] = channel }
        channel.closeFuture.whenComplete { _ in
            _ = self.open.withLockedValue { $0.removeValue(forKey: ObjectIdentifier(channel)) }
        }
    }

    func closeAll(within timeout: TimeAmount) async {
        let channels = open.withLockedValue { Array($0.values) }
        for channel in channels {
            channel.pipeline.fireUserInboundEventTriggered(BackendStopping())
            let cut = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in cut.cancel() }
        }
        for channel in channels {
            try? await channel.closeFuture.get()
        }
    }
}

/// User event: the backend stops, each connection says goodbye.
struct BackendStopping: Sendable {}
