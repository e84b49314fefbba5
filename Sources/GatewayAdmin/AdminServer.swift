public import GatewayConfig
import GatewayTelemetry
import Logging
public import NIOCore
import NIOHTTP1
public import NIOPosix

/// The admin endpoint: an HTTP/1.1 server of its own, away from the listeners.
public final class AdminServer: Sendable {
    /// A listening socket, and how it ends.
    public typealias Socket = (channel: any Channel, close: @Sendable () async -> Void)

    private let socket: Socket
    /// What the address has become: the port is known where 0 was asked for.
    public let boundAddress: Address

    private init(socket: Socket, boundAddress: Address) {
        self.socket = socket
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
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelInitializer(listening)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: .seconds(30)))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(AdminHandler(source: source, token: configuration.token))
                }
            }
        switch configuration.address {
        case .unix(let path):
            return AdminServer(socket: try await bindUnix(bootstrap, path), boundAddress: configuration.address)
        case .tcp(let host, let port):
            let channel =
                try await bootstrap
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            return AdminServer(
                socket: (channel, { try? await channel.close() }),
                boundAddress: .tcp(host: host, port: channel.localAddress?.port ?? port))
        }
    }

    public func stop() async {
        await socket.close()
    }
}

/// One connection to the admin endpoint.
private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let source: AdminSource
    private let token: String?
    private var head: HTTPRequestHead?

    init(source: AdminSource, token: String?) {
        self.source = source
        self.token = token
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head = head.take() else { return }
            respond(to: head, context)
        }
    }

    private func respond(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let work = AdminRequest(
            method: head.method.rawValue, target: head.uri, authorization: head.headers.first(name: "authorization"),
            host: head.headers.first(name: "host"), origin: head.headers.first(name: "origin")
        ).work(from: source, token: token)
        if case .answer(let answer) = work { return send(answer, for: head, context) }
        let this = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let source = source
        context.eventLoop.makeFutureWithTask { await Self.answer(work, from: source) }.whenSuccess { answer in
            let (handler, context) = this.value
            handler.send(answer, for: head, context)
        }
    }

    /// What has to be asked of the event loops.
    private static func answer(_ work: AdminWork, from source: AdminSource) async -> AdminAnswer {
        switch work {
        case .answer(let answer):
            return answer
        case .list(let filter):
            return AdminAnswer(
                status: 200, contentType: "application/json",
                body: ConnectionSnapshot.json(await source.connections(filter)) + [0x0A])
        case .close(let id, let code, let reason):
            return await source.close(id, code, reason)
                ? .text(202, "closing") : .text(404, "no connection has this number")
        }
    }

    private func send(_ answer: AdminAnswer, for head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", String(answer.body.count)),
            ("Cache-Control", "no-store"),
        ])
        if let allow = answer.allow { headers.add(name: "Allow", value: allow) }
        if answer.isChallenge { headers.add(name: "WWW-Authenticate", value: "Bearer") }
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        let response = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        }
        let done = head.isKeepAlive ? nil : context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        done?.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
