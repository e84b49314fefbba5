import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import WebSocketCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A server that has agreed to speak WebSocket.
struct UpgradedServer {
    let handshake: UpstreamHandshake
    let permit: ServerPermit
    let address: Address
    let fields: HTTPFields
    let subprotocol: String?
    let extensions: [ExtensionOffer]
}

/// Who waits for an `UpstreamAttempt`.
protocol UpstreamAttemptDelegate: AnyObject {
    func upgraded(_ server: UpgradedServer)
    /// The server answered with something else than a WebSocket: its response, piece by piece.
    func refused(_ head: HTTPResponseHead, by handshake: UpstreamHandshake, address: Address)
    func refusalBody(_ bytes: ByteBuffer)
    /// `isWhole`: false when the server broke off inside its response.
    func refusalEnded(isWhole: Bool)
    func failed(_ refusal: Refusal)
}

/// The way to a server for one client: choose, connect, upgrade; on failure the next one, as `retries` allows. Nothing
/// has been sent to the client before it ends.
final class UpstreamAttempt: UpstreamHandshakeDelegate {
    private let upstream: Upstream
    private let request: UpstreamRequest
    private let loop: LoopContext
    private let logger: Logger
    private weak var delegate: (any UpstreamAttemptDelegate)?
    private var tried: Set<Int> = []
    private var triesLeft: Int
    private var lastRefusal = Refusal.noServer
    private var current: (permit: ServerPermit, channel: (any Channel)?)?
    private var isOver = false

    init(
        upstream: Upstream, request: UpstreamRequest, loop: LoopContext, logger: Logger,
        delegate: any UpstreamAttemptDelegate
    ) {
        self.upstream = upstream
        self.request = request
        self.loop = loop
        self.logger = logger
        self.delegate = delegate
        triesLeft = upstream.configuration.retries + 1
    }

    func start() { tryNext() }

    /// The client is gone: whatever is under way is given up.
    func cancel() {
        isOver = true
        let current = current
        self.current = nil
        current?.permit.release()
        current?.channel?.close(promise: nil)
    }

    private func tryNext() {
        guard !isOver else { return }
        guard triesLeft > 0 else { return fail(lastRefusal) }
        triesLeft -= 1
        switch upstream.selector.pick(excluding: tried, now: .now()) {
        case .failure(.allAtCapacity):
            fail(tried.isEmpty ? .serverMaxConnections : lastRefusal)
        case .failure(.noneLeft):
            fail(lastRefusal)
        case .success(let permit):
            tried.insert(permit.server)
            current = (permit, nil)
            connect(permit.server, to: upstream.addresses(of: permit.server)[...])
        }
    }

    private func fail(_ refusal: Refusal) {
        isOver = true
        delegate?.failed(refusal)
    }

    private func connect(_ server: Int, to addresses: ArraySlice<SocketAddress>) {
        guard let address = addresses.first else {
            return serverFailed(server, .connectFailed, "the name of the server has not been resolved")
        }
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let timeout = TimeAmount(upstream.configuration.connectTimeout)
        ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(timeout)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: Listener.watermarks)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try this.value.setUp(channel, server: server) }
            }
            .connect(to: address)
            .whenComplete { result in
                let attempt = this.value
                switch result {
                case .success(let channel):
                    guard !attempt.isOver else { return channel.close(promise: nil) }
                    // It may have failed already, and another server's turn have come.
                    if attempt.current?.permit.server == server { attempt.current?.channel = channel }
                case .failure(let error):
                    guard !attempt.isOver else { return }
                    if let error = error as? IOError, error.isLackOfResources { return attempt.lacksResources(error) }
                    let rest = addresses.dropFirst()
                    if rest.isEmpty {
                        attempt.serverFailed(server, .connectFailed, "\(error)")
                    } else {
                        attempt.connect(server, to: rest)
                    }
                }
            }
    }

    private func setUp(_ channel: any Channel, server: Int) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls = upstream.tls {
            let name = upstream.tlsServerName(of: server)
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
        }
        let handshake = UpstreamHandshake(
            request: request, isTLS: upstream.tls != nil,
            timeout: TimeAmount(upstream.configuration.responseTimeout), delegate: self)
        try handshake.addCodec(to: pipeline)
        try pipeline.addHandler(handshake)
    }

    private func serverFailed(_ server: Int, _ refusal: Refusal, _ reason: String) {
        guard !isOver else { return }
        upstream.selector.failed(server: server, now: .now(), jitter: .random(in: 0..<1))
        logger.warning(
            "server failed",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(upstream.configuration.servers[server].address)", "reason": "\(reason)",
            ])
        current?.permit.release()
        current = nil
        lastRefusal = refusal
        tryNext()
    }

    /// No server is to blame. Ports are used up towards one server; of the rest there is none for the next one either.
    private func lacksResources(_ error: IOError) {
        logger.warning(
            "no resources for a connection to a server",
            metadata: ["upstream": "\(upstream.configuration.name)", "reason": "\(error)"])
        current?.permit.release()
        current = nil
        lastRefusal = .outOfResources
        if error.errnoCode == EADDRNOTAVAIL { tryNext() } else { fail(.outOfResources) }
    }

    // MARK: UpstreamHandshakeDelegate

    func handshake(_ handshake: UpstreamHandshake, answered head: HTTPResponseHead) {
        guard !isOver, let current else { return handshake.giveUp() }
        let server = current.permit.server
        let address = upstream.configuration.servers[server].address
        guard head.status == .switchingProtocols else {
            // Interim responses have been passed over; a status below 100 is none, and could not be passed on.
            guard head.status.code >= 200 else {
                return refuseAnswer(
                    of: handshake, current.permit, "status is \(head.status.code), expected 100 to 599")
            }
            upstream.selector.succeeded(server: server)
            delegate?.refused(head, by: handshake, address: address)
            return
        }
        let fields = HTTP1Head.fields(from: head.headers)
        do {
            let (subprotocol, extensions) = try ClientHandshake.verify(
                status: 101, fields: fields, key: request.key, offeredSubprotocols: request.subprotocols)
            upstream.selector.succeeded(server: server)
            isOver = true
            self.current = nil
            delegate?.upgraded(
                UpgradedServer(
                    handshake: handshake, permit: current.permit, address: address, fields: fields,
                    subprotocol: subprotocol, extensions: extensions))
        } catch {
            refuseAnswer(of: handshake, current.permit, "\(error)")
        }
    }

    private func refuseAnswer(of handshake: UpstreamHandshake, _ permit: ServerPermit, _ reason: String) {
        handshake.giveUp()
        logger.warning(
            "server answered with a bad handshake",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(upstream.configuration.servers[permit.server].address)", "reason": "\(reason)",
            ])
        permit.release()
        current = nil
        fail(.badAnswer(reason))
    }

    func handshake(_ handshake: UpstreamHandshake, body: ByteBuffer) {
        delegate?.refusalBody(body)
    }

    func handshakeEndedResponse(_ handshake: UpstreamHandshake, isWhole: Bool) {
        guard !isOver else { return }
        isOver = true
        current?.permit.release()
        current = nil
        delegate?.refusalEnded(isWhole: isWhole)
    }

    func handshake(_ handshake: UpstreamHandshake, failed reason: String) {
        guard let current, !isOver else { return }
        serverFailed(current.permit.server, .connectFailed, reason)
    }

    func handshakeTimedOut(_ handshake: UpstreamHandshake) {
        guard let current, !isOver else { return }
        logger.warning(
            "server did not answer in time",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(upstream.configuration.servers[current.permit.server].address)",
            ])
        upstream.selector.failed(server: current.permit.server, now: .now(), jitter: .random(in: 0..<1))
        current.permit.release()
        self.current = nil
        fail(.responseTimeout)
    }
}
