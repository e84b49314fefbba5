import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Logging
import NIOCore
import WebSocketCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A server that has agreed to speak WebSocket.
struct UpgradedServer {
    let leg: any UpstreamLeg
    let permit: ServerPermit
    let server: LiveServer
    let fields: HTTPFields
    let subprotocol: String?
    let extensions: [ExtensionOffer]
}

/// Who waits for an `UpstreamAttempt`.
protocol UpstreamAttemptDelegate: AnyObject {
    func upgraded(_ server: UpgradedServer)
    /// The server answered with something else than a WebSocket: its response, piece by piece.
    func refused(_ response: HTTPResponse, by leg: any UpstreamLeg, address: Address)
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
    private let client: ConnectionEndpoints?
    /// The server that the client is to come back to.
    private let preferred: Address?
    /// What `balance: hash` goes by.
    private let key: UInt64
    private let loop: LoopContext
    private let logger: Logger
    private weak var delegate: (any UpstreamAttemptDelegate)?
    private var tried: Set<Address> = []
    private var triesLeft: Int
    /// How often a server may turn out to be none any more when it is to be connected to.
    private var changesLeft = 3
    private var lastRefusal = Refusal.noServer
    private var current: (permit: ServerPermit, server: LiveServer, leg: (any UpstreamLeg)?)?
    /// Under way, where no leg has come of it yet.
    private var connector: ServerConnector?
    private var isOver = false

    /// - Parameter client: what a header of the PROXY protocol is to say; nil: nothing.
    init(
        upstream: Upstream, request: UpstreamRequest, preferring preferred: Address?, key: UInt64,
        client: ConnectionEndpoints?, loop: LoopContext, logger: Logger, delegate: any UpstreamAttemptDelegate
    ) {
        self.upstream = upstream
        self.request = request
        self.preferred = preferred
        self.key = key
        self.client = client
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
        current?.leg?.giveUp()
        connector?.cancel()
    }

    private func tryNext() {
        guard !isOver else { return }
        guard triesLeft > 0 else { return fail(lastRefusal) }
        triesLeft -= 1
        switch upstream.pick(excluding: tried, preferring: preferred, key: key, now: .now()) {
        case .failure(.allAtCapacity):
            fail(tried.isEmpty ? .serverMaxConnections : lastRefusal)
        case .failure(.noneLeft):
            fail(lastRefusal)
        case .success(let choice):
            tried.insert(choice.server.address)
            current = (choice.permit, choice.server, nil)
            ask(choice.server)
        }
    }

    private func fail(_ refusal: Refusal) {
        isOver = true
        delegate?.failed(refusal)
    }

    private func ask(_ server: LiveServer) {
        if upstream.usesHTTP2(server, now: .now()) {
            askOverHTTP2(server)
        } else {
            askOverHTTP1(server)
        }
    }

    private func request(to server: LiveServer) -> UpstreamRequest {
        guard request.namesServer else { return request }
        var request = request
        request.host = server.configured.authority(isTLS: upstream.transport.tls != nil)
        return request
    }

    private func askOverHTTP2(_ server: LiveServer) {
        let pool = loop.pool(of: upstream, server: server)
        let stream = HTTP2UpstreamStream(request: request(to: server), pool: pool, delegate: self)
        current?.leg = stream
        if !pool.place(stream) { serverIsFull(stream) }
    }

    private func askOverHTTP1(_ server: LiveServer) {
        let connector = ServerConnector(
            server: server, transport: upstream.transport, client: client,
            timeout: TimeAmount(upstream.configuration.connectTimeout), eventLoop: loop.eventLoop, protocols: [.http1]
        ) { [self] pipeline in try addHandshake(to: pipeline, server: server) }
        self.connector = connector
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        connector.connect().whenComplete { result in
            let attempt = this.value
            attempt.connector = nil
            if case .failure(let error) = result { attempt.connectFailed(server, error) }
        }
    }

    private func addHandshake(to pipeline: ChannelPipeline.SynchronousOperations, server: LiveServer) throws {
        let handshake = UpstreamHandshake(
            request: request(to: server), isTLS: upstream.transport.tls != nil,
            timeout: TimeAmount(upstream.configuration.responseTimeout), delegate: self)
        // Before it speaks: what comes of it may be told at once.
        current?.leg = handshake
        try handshake.addCodec(to: pipeline)
        try pipeline.addHandler(handshake)
    }

    private func connectFailed(_ server: LiveServer, _ error: any Error) {
        guard !isOver, current?.server === server else { return }
        if let error = error as? IOError, error.isLackOfResources { return lacksResources(error) }
        if error is ServerConnector.ServersChanged { return serversChanged(server) }
        serverFailed(server, .connectFailed, ConnectFailure.text(for: error))
    }

    /// The server is none any more. That is no failure of anybody's, and those that there are now have not been tried.
    private func serversChanged(_ server: LiveServer) {
        current?.permit.release()
        current = nil
        tried.remove(server.address)
        lastRefusal = .connectFailed
        if changesLeft > 0 {
            changesLeft -= 1
            triesLeft += 1
        }
        tryNext()
    }

    /// Every connection to it has as many streams as it may: another server may have room.
    private func serverIsFull(_ leg: any UpstreamLeg) {
        leg.giveUp()
        current?.permit.release()
        current = nil
        lastRefusal = .serverMaxConnections
        tryNext()
    }

    private func serverFailed(_ server: LiveServer, _ refusal: Refusal, _ reason: String) {
        guard !isOver else { return }
        server.record.failed(isUnreachable: refusal == .connectFailed, now: .now(), jitter: .random(in: 0..<1))
        logger.warning(
            "server failed",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(server.address)", "reason": "\(reason)",
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
            metadata: ["upstream": "\(upstream.configuration.name)", "reason": "\(ConnectFailure.text(for: error))"])
        current?.permit.release()
        current = nil
        lastRefusal = .outOfResources
        if error.errnoCode == EADDRNOTAVAIL { tryNext() } else { fail(.outOfResources) }
    }

    // MARK: UpstreamHandshakeDelegate

    func handshake(_ leg: any UpstreamLeg, answered response: HTTPResponse) {
        guard !isOver, let current else { return leg.giveUp() }
        let server = current.server
        do throws(AnswerViolation) {
            guard let agreement = try leg.agreement(in: response) else {
                server.record.succeeded(now: .now())
                delegate?.refused(response, by: leg, address: server.address)
                return
            }
            server.record.succeeded(now: .now())
            isOver = true
            self.current = nil
            delegate?.upgraded(
                UpgradedServer(
                    leg: leg, permit: current.permit, server: server, fields: response.headerFields,
                    subprotocol: agreement.subprotocol, extensions: agreement.extensions))
        } catch {
            handshake(leg, answeredBadly: error.message)
        }
    }

    func handshake(_ leg: any UpstreamLeg, answeredBadly reason: String) {
        guard !isOver, let current else { return leg.giveUp() }
        leg.giveUp()
        logger.warning(
            "server answered with a bad handshake",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        current.permit.release()
        self.current = nil
        fail(.badAnswer(reason))
    }

    func handshake(_ leg: any UpstreamLeg, body: ByteBuffer) {
        delegate?.refusalBody(body)
    }

    func handshakeEndedResponse(_ leg: any UpstreamLeg, isWhole: Bool) {
        guard !isOver else { return }
        isOver = true
        current?.permit.release()
        current = nil
        delegate?.refusalEnded(isWhole: isWhole)
    }

    func handshake(_ leg: any UpstreamLeg, failedWith error: any Error) {
        guard let current else { return }
        connectFailed(current.server, error)
    }

    /// Another server may do better: nothing of this one's answer has reached the client.
    func handshakeBrokeOff(_ leg: any UpstreamLeg, reason: String) {
        guard let current else { return }
        serverFailed(current.server, .badAnswer(reason), reason)
    }

    /// The stream was refused, or never looked at: it can be tried again, by this server as well as by another.
    func handshakeNotProcessed(_ leg: any UpstreamLeg, _ refusal: Refusal, reason: String) {
        guard !isOver, let current else { return }
        logger.info(
            "server did not take a stream",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        let address = current.server.address
        current.permit.release()
        self.current = nil
        lastRefusal = refusal
        if triesLeft > 0, upstream.allServers.count == tried.count { tried.remove(address) }
        tryNext()
    }

    func handshakeLacksHTTP2(_ leg: any UpstreamLeg, reason: String) {
        guard !isOver, let current else { return }
        guard upstream.configuration.protocol == .auto else { return handshake(leg, answeredBadly: reason) }
        logger.info(
            "server has no WebSockets over HTTP/2; HTTP/1.1 is used",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)", "reason": "\(reason)",
            ])
        askOverHTTP1(current.server)
    }

    func handshakeTimedOut(_ leg: any UpstreamLeg) {
        guard let current, !isOver else { return }
        logger.warning(
            "server did not answer in time",
            metadata: [
                "upstream": "\(upstream.configuration.name)",
                "server": "\(current.server.address)",
            ])
        current.server.record.failed(now: .now(), jitter: .random(in: 0..<1))
        current.permit.release()
        self.current = nil
        fail(.responseTimeout)
    }
}
