import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// The server behind the demo's gateway: a WebSocket backend on SwiftNIO's own WebSocket server, which shares no
/// code with the gateway in front of it.
///
/// `/echo` sends every message back. `/chat` sends every text message to all members as a JSON object
/// `{"from": …, "text": …}`. Any other path gets 404, a request for these two that is no WebSocket handshake 426.
public final class DemoBackend: Sendable {
    /// The path of the echo.
    public static let echoPath = "/echo"
    /// The path of the chat.
    public static let chatPath = "/chat"
    /// The subprotocol (RFC 6455 §1.9) both paths choose when it is offered.
    public static let subprotocol = "sluice-demo"
    /// Payload of one message and of one frame, in bytes; larger ones are closed with 1009.
    public static let maxMessageSize = 16 * 1024 * 1024

    /// The TCP port on 127.0.0.1 it listens on.
    public let port: Int
    private let listener: any Channel
    private let connections: BackendConnections

    private init(port: Int, listener: any Channel, connections: BackendConnections) {
        self.port = port
        self.listener = listener
        self.connections = connections
    }

    /// Binds a free port of 127.0.0.1 and serves it on the group's loops.
    ///
    /// - Throws: An `IOError` when the port cannot be bound.
    public static func start(group: any EventLoopGroup) async throws -> DemoBackend {
        try await start(group: group, room: ChatRoom(limits: .init()))
    }

    static func start(group: any EventLoopGroup, room: ChatRoom) async throws -> DemoBackend {
        let connections = BackendConnections()
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                connections.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try BackendPipeline(room: room).configure(channel)
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
