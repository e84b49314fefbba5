import NIOCore
import NIOHTTP1
import NIOWebSocket

/// What the handlers of one accepted connection are: HTTP/1.1 until the handshake, frames afterwards.
struct BackendPipeline: Sendable {
    /// Fragments of one message. A message of the size limit in fragments of 1 KiB fits.
    private static let maxFragments = 16_384

    let endpoints: BackendEndpoints

    func configure(_ channel: any Channel) throws {
        // SwiftNIO's newer, typed upgrade handler loses the request head when an upgrade is refused, and with it
        // the chance to answer.
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withServerUpgrade: (upgraders: [upgrader()], completionHandler: { _ in }))
        try channel.pipeline.syncOperations.addHandler(BackendHandshake(endpoints: endpoints))
    }

    private func upgrader() -> NIOWebSocketServerUpgrader {
        NIOWebSocketServerUpgrader(
            maxFrameSize: DemoBackend.maxMessageSize,
            shouldUpgrade: { channel, head in
                guard head.method == .GET, endpoints.endpoint(at: head.path) != nil else {
                    return channel.eventLoop.makeSucceededFuture(nil)
                }
                var answer = HTTPHeaders()
                let offered = head.headers[canonicalForm: "Sec-WebSocket-Protocol"]
                if offered.contains(where: { $0 == DemoBackend.subprotocol }) {
                    answer.add(name: "Sec-WebSocket-Protocol", value: DemoBackend.subprotocol)
                }
                return channel.eventLoop.makeSucceededFuture(answer)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    guard let endpoint = endpoints.endpoint(at: head.path) else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    let pipeline = channel.pipeline.syncOperations
                    pipeline.removeHandler(try pipeline.handler(type: BackendHandshake.self), promise: nil)
                    try pipeline.addHandlers([
                        ClientFrameRules(),
                        NIOWebSocketFrameAggregator(
                            // Empty and one-byte fragments are legal (RFC 6455 §5.4); the count bounds them.
                            minNonFinalFragmentSize: 0,
                            maxAccumulatedFrameCount: Self.maxFragments,
                            maxAccumulatedFrameSize: DemoBackend.maxMessageSize),
                        BackendConnection(endpoint: endpoint),
                    ])
                }
            })
    }
}

extension HTTPRequestHead {
    /// The request target without its query.
    fileprivate var path: String {
        uri.firstIndex(of: "?").map { String(uri[..<$0]) } ?? uri
    }
}

/// Stands at the end of the pipeline until the 101: answers a request that becomes no WebSocket, and closes the
/// connection after it, or when no handshake came in time.
final class BackendHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Accept to 101.
    private static let timeout = TimeAmount.seconds(10)

    private let endpoints: BackendEndpoints
    private var answered = false
    private var deadline: Scheduled<Void>?

    init(endpoints: BackendEndpoints) {
        self.endpoints = endpoints
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: Self.timeout) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = unwrapInboundIn(data), !answered else { return }
        answered = true
        let known = endpoints.endpoint(at: request.path) != nil
        let body = ByteBuffer(
            string: known
                ? "\(request.path) serves WebSocket handshakes of version 13 only (RFC 6455 section 4)\n"
                : "no such path; the backend has \(BackendEndpoints.paths.joined(separator: ", "))\n")
        var head = HTTPResponseHead(version: .http1_1, status: known ? .upgradeRequired : .notFound)
        head.headers.add(name: "Content-Type", value: "text/plain; charset=utf-8")
        head.headers.add(name: "Content-Length", value: String(body.readableBytes))
        if known {
            head.headers.add(name: "Upgrade", value: "websocket")
            head.headers.add(name: "Sec-WebSocket-Version", value: "13")
        }
        head.headers.add(name: "Connection", value: known ? "Upgrade, close" : "close")
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The upgrader says with an error that it refuses; the request follows, to be answered here.
        if !(error is NIOWebSocketUpgradeError) { context.close(promise: nil) }
    }
}

/// What SwiftNIO's frame decoder leaves to its user: it takes reserved bits and unmasked frames as they come.
final class ClientFrameRules: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = WebSocketFrame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        // RFC 6455 §5.1: a server must close on an unmasked frame; §5.2: on reserved bits nobody negotiated.
        guard frame.maskKey != nil else {
            return context.fireErrorCaught(BackendFailure(code: 1002, reason: "client frame is not masked"))
        }
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return context.fireErrorCaught(BackendFailure(code: 1002, reason: "reserved bit set, no extension agreed"))
        }
        switch frame.opcode {
        case .continuation, .text, .binary, .connectionClose, .ping, .pong:
            context.fireChannelRead(data)
        default:
            context.fireErrorCaught(BackendFailure(code: 1002, reason: "reserved opcode"))
        }
    }
}

/// Why the backend fails a connection: the code and reason of its Close.
struct BackendFailure: Error, Equatable {
    let code: UInt16
    let reason: String
}
