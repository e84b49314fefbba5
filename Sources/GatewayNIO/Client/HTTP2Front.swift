import GatewayConfig
import GatewayPolicy
import GatewayTLS
import GatewayTelemetry
import HTTP2Core
import HTTPTypes
import Logging
import NIOCore
import SocketTransport

/// One client's HTTP/2 connection on a listener: takes its streams, and ends it when it is broken, idle or drained.
final class HTTP2Front: HTTP2HandlerOwner {
    /// How long a connection without a stream is kept for the next one.
    static let idleTimeout = TimeAmount.seconds(60)

    /// As it was when the connection came.
    private let accepted: CompiledListener
    let loop: LoopContext
    let handler: HTTP2Handler
    private let peer: ClientAddress
    private let named: ConnectionEndpoints?
    private var idleTimer: Scheduled<Void>?
    /// Runs while a frame is incomplete.
    private var frameTimer: Scheduled<Void>?
    private var isDraining = false
    private var knownStreams = 0

    /// - Parameter named: what a header of the PROXY protocol said.
    init(
        id: UInt64, listener accepted: CompiledListener, loop: LoopContext, peer: ClientAddress,
        named: ConnectionEndpoints?
    ) {
        self.accepted = accepted
        self.loop = loop
        self.peer = peer
        self.named = named
        let limits = HTTP2Limits(
            maxStreams: accepted.configuration.maxStreams,
            maxHeaderListSize: loop.generation.configuration.limits.maxHeaderSize,
            offersConnectProtocol: accepted.configuration.websocketOverHTTP2)
        handler = HTTP2Handler(id: id, connection: HTTP2Connection(role: .server, limits: limits))
    }

    /// As it is now, for the next stream.
    var listener: CompiledListener {
        loop.generation.listener(accepted.configuration.name) ?? accepted
    }

    /// How the connection is protected; nil: it is in the clear.
    var protection: TLSProtection? { handler.protection }

    /// Whether it has one of the process's last file descriptors.
    var usesReserve: Bool { handler.usesReserve }

    var endpoints: ConnectionEndpoints {
        named ?? ConnectionEndpoints(local: handler.localAddress, remote: handler.remoteAddress)
    }

    private var connection: HTTP2Connection { handler.connection }
    var streamCount: Int { connection.streamCount }
    private var handshakeTimeout: TimeAmount { TimeAmount(loop.generation.configuration.limits.handshakeTimeout) }

    /// Begins on a socket that is nobody else's.
    ///
    /// - Parameter early: what has been read of it.
    func start(on socket: StreamSocket, early: ByteBuffer?) {
        handler.start(on: socket, owner: self)
        loop.add(self)
        loop.counters.http2Client.connectionsOpened.add()
        after(handshakeTimeout) { front in
            if !front.connection.isAcknowledged {
                front.handler.fail(
                    HTTP2Failure(
                        .settingsTimeout,
                        "the client did not send its preface, or its acknowledgement of SETTINGS, in time"))
            }
        }
        watchIdleness()
        if let early { handler.receive(early) }
    }

    @discardableResult
    private func after(_ time: TimeAmount, _ work: @escaping (HTTP2Front) -> Void) -> Scheduled<Void> {
        let this = NIOLoopBound((self, work), eventLoop: loop.eventLoop)
        return loop.eventLoop.scheduleTask(in: time) {
            let (front, work) = this.value
            if front.handler.isOpen { work(front) }
        }
    }

    // MARK: HTTP2HandlerOwner

    func opened(_ stream: HTTP2Stream, _ request: Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool) {
        HTTP2RequestStream(stream, of: self, peer: peer).start(request, endsStream: endsStream)
    }

    func settingsArrived() {}
    func pongArrived() {}
    func goAwayArrived(_ code: HTTP2ErrorCode, debugData: ByteBuffer) {}

    func failed(_ failure: HTTP2Failure) {
        loop.process.telemetry.http2Client.failed("\(failure.code.name)")
        loop.process.logger.info(
            "HTTP/2 connection failed",
            metadata: [
                "client": "\(peer)", "listener": "\(listener.configuration.name)",
                "error": "\(failure.code.name)",
                "reason": "\(failure.message)",
            ])
    }

    func settled() {
        countStreams()
        watchIdleness()
        watchFrame()
    }

    func closed() {
        countStreams()
        loop.counters.http2Client.connectionsClosed.add()
        idleTimer?.cancel()
        frameTimer?.cancel()
        loop.remove(self)
    }

    private func countStreams() {
        let count = connection.streamCount
        loop.counters.http2Client.streams.add(count - knownStreams)
        knownStreams = count
    }

    // MARK: Ends

    /// The listener is another, or gone: clients have to come again for what it offers now.
    func followListener() {
        let now = loop.generation.listener(accepted.configuration.name)?.configuration
        let was = accepted.configuration
        let isSame =
            now.map {
                $0.tls == was.tls && $0.protocols == was.protocols && $0.maxStreams == was.maxStreams
                    && $0.websocketOverHTTP2 == was.websocketOverHTTP2
            } ?? false
        if !isSame { drain() }
    }

    /// No more streams: those that are open are ended by their sessions.
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        connection.sendGoAway(.noError, "restarting")
        handler.scheduleFlush()
        endIfDone()
    }

    private func endIfDone() {
        if isDraining, connection.streamCount == 0 { handler.end() }
    }

    private func watchIdleness() {
        endIfDone()
        guard connection.streamCount == 0, connection.failure == nil else {
            idleTimer?.cancel()
            idleTimer = nil
            return
        }
        guard idleTimer == nil else { return }
        idleTimer = after(Self.idleTimeout) { front in
            front.connection.sendGoAway(.noError, "idle")
            front.handler.end()
        }
    }

    /// A frame that is begun has as long as a handshake may take; others may come behind it meanwhile.
    private func watchFrame() {
        guard connection.isInsideFrame else {
            frameTimer?.cancel()
            frameTimer = nil
            return
        }
        guard frameTimer == nil else { return }
        let progress = handler.progress
        frameTimer = after(handshakeTimeout) { front in
            front.frameTimer = nil
            if front.handler.progress == progress {
                front.handler.fail(
                    HTTP2Failure(.enhanceYourCalm, "the client began a frame and did not complete it in time"))
            } else {
                front.watchFrame()
            }
        }
    }
}
