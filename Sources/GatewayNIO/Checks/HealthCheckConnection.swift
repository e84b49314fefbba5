import GatewayConfig
import GatewayPolicy
import NIOCore
import NIOTLS
import WebSocketCore

/// One check of one server, on a connection of its own, which is bounded in time and in bytes.
final class HealthCheckConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a server may send in one check; beyond a verdict, what is read to let it finish.
    static let byteLimit = 64 * 1024

    /// A server and how it is checked.
    struct Target: Sendable {
        var server: LiveServer
        var check: HealthCheck
        var transport: UpstreamTransport
    }

    /// What the check is waiting for.
    private enum Phase: String {
        case connection, handshake, answer
    }

    private let target: Target
    private let eventLoop: any EventLoop
    private let exchange: (any HealthExchange)?
    private let usesHTTP2: Bool
    private let began = NIODeadline.now()
    /// Called once; nil: the check said nothing about the server.
    private var tell: ((ServerHealth.Outcome?) -> Void)?
    /// Called once, last, when there is no connection any more.
    private var closed: (() -> Void)?
    private var connector: ServerConnector?
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var phase = Phase.connection
    private var received = 0
    private var lastError: (any Error)?

    init(
        _ target: Target, eventLoop: any EventLoop, tell: @escaping (ServerHealth.Outcome?) -> Void,
        closed: @escaping () -> Void
    ) {
        self.target = target
        self.eventLoop = eventLoop
        self.tell = tell
        self.closed = closed
        usesHTTP2 = target.transport.protocol == .http2
        let question = HealthQuestion(target.check, of: target.server.configured, tls: target.transport.tls)
        let masks = { UInt32.random(in: .min ... .max) }
        let usesHTTP2 = usesHTTP2
        exchange = question.map { question in
            if usesHTTP2 { return HTTP2HealthExchange(question, masks: masks) }
            let key = HandshakeKey.make(from: (.random(in: .min ... .max), .random(in: .min ... .max)))
            return HTTP1HealthExchange(question, key: key, masks: masks)
        }
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: TimeAmount(target.check.timeout)) { bound.value.timedOut() }
        let connector = ServerConnector(
            server: target.server, transport: target.transport, timeout: TimeAmount(target.check.timeout),
            eventLoop: eventLoop, protocols: usesHTTP2 ? [.http2] : [.http1], isCounted: false,
            setUp: .channel { pipeline in try pipeline.addHandler(bound.value) })
        self.connector = connector
        connector.connect().whenComplete { result in
            let this = bound.value
            this.connector = nil
            switch result {
            case .success(let channel):
                // A channel that is closed in the turn in which it connects does not become inactive.
                channel?.closeFuture.whenComplete { _ in bound.value.end() }
                if this.target.transport.tls == nil { this.connected() } else { this.phase = .handshake }
            case .failure(let error):
                this.failed(error)
                this.end()
            }
        }
    }

    /// Nobody wants to know any more.
    func cancel() {
        tell = nil
        closed = nil
        timer?.cancel()
        connector?.cancel()
        context?.close(promise: nil)
    }

    // MARK: Verdicts

    private func conclude(_ outcome: ServerHealth.Outcome?) {
        let tell = tell.take()
        tell?(outcome)
    }

    private func conclude(_ verdict: HealthVerdict) {
        let seconds = Double((NIODeadline.now() - began).nanoseconds) / 1e9
        switch verdict {
        case .passed: conclude(ServerHealth.Outcome(failure: nil, seconds: seconds))
        case .failed(let reason): conclude(ServerHealth.Outcome(failure: reason, seconds: seconds))
        }
    }

    private func failed(_ error: any Error) {
        // That says nothing about the server.
        if (error as? IOError)?.isLackOfResources == true || error is ServerConnector.ServersChanged {
            return conclude(nil)
        }
        conclude(.failed(ConnectFailure.text(for: error)))
    }

    private func timedOut() {
        let limit = "within the timeout of health_check"
        switch phase {
        case .connection:
            conclude(
                .failed(
                    "the server did not accept the connection \(limit); the host is down, or a firewall drops the packets"
                ))
        case .handshake: conclude(.failed("the TLS handshake did not end \(limit)"))
        case .answer: conclude(.failed("the server did not answer \(limit)"))
        }
        connector?.cancel()
        close()
    }

    // MARK: The connection

    private func connected() {
        guard tell != nil else { return close() }
        phase = .answer
        guard exchange != nil else {
            conclude(.passed)
            return close()
        }
        proceed()
    }

    /// Sends what the exchange has to say, and learns what it has found out.
    private func proceed() {
        guard let exchange, let context else { return }
        while let bytes = exchange.takeOutput() { context.write(wrapOutboundOut(bytes), promise: nil) }
        context.flush()
        if let verdict = exchange.verdict { conclude(verdict) }
        if exchange.isOver { close() }
    }

    private func close() { context?.close(promise: nil) }

    /// The last of it.
    private func end() {
        timer?.cancel()
        let closed = closed.take()
        closed?()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let chosen) = event {
            guard !usesHTTP2 || chosen == ApplicationProtocol.http2.rawValue else {
                conclude(.failed("the server chose \(chosen ?? "nothing") by ALPN, expected h2"))
                return close()
            }
            connected()
        } else if case ChannelEvent.inputClosed = event {
            close()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        received += bytes.readableBytes
        guard received <= Self.byteLimit else {
            conclude(.failed("the server sent more than 64 KiB before the check was over"))
            return close()
        }
        exchange?.receive(bytes, now: .now())
        proceed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lastError = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let lastError { failed(lastError) }
        conclude(.failed("the server ended the connection before its answer"))
    }
}
