import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
import HTTP2Core
import HTTPTypes
import Logging
import NIOCore
import SocketTransport

/// One HTTP/2 connection to a server, shared by the WebSockets and plain requests of one event loop.
final class HTTP2UpstreamConnection: HTTP2HandlerOwner {
    private enum State {
        /// Transport, TLS, and the server's SETTINGS are waited for.
        case connecting
        case ready
        /// No more streams; those that are open go on.
        case retired
        case closed
    }

    private let id: UInt64
    let pool: HTTP2Pool
    /// Made anew for the transport that comes about.
    private(set) var handler: HTTP2Handler
    private var state = State.connecting
    /// Requests that wait for the connection.
    private var waiting: [HTTP2UpstreamStream] = []
    private var settingsTimer: Scheduled<Void>?
    private var idleTimer: Scheduled<Void>?
    private let pings: HTTP2Pings
    private var knownStreams = 0

    init(pool: HTTP2Pool, id: UInt64) {
        self.pool = pool
        self.id = id
        handler = Self.makeHandler(id)
        pings = HTTP2Pings(pool.settings, eventLoop: pool.loop.eventLoop)
    }

    private static func makeHandler(_ id: UInt64) -> HTTP2Handler {
        // What a server may answer with is bounded as over HTTP/1.1: far above what a client may send.
        let limits = HTTP2Limits(maxStreams: 0, maxHeaderListSize: 64 * 1024)
        return HTTP2Handler(id: id, connection: HTTP2Connection(role: .client, limits: limits))
    }

    private var connection: HTTP2Connection { handler.connection }
    private var eventLoop: any EventLoop { pool.loop.eventLoop }
    var streamCount: Int { connection.streamCount }

    /// Streams that are open or wait.
    var load: Int { connection.streamCount + waiting.count }

    /// How many more would find room.
    var free: Int {
        switch state {
        case .connecting: pool.settings.maxStreams - waiting.count
        case .ready: min(connection.freeStreams, pool.settings.maxStreams - connection.streamCount)
        case .retired, .closed: 0
        }
    }

    // MARK: Opening

    func start() {
        let offersHTTP1 = pool.transport.protocol == .auto
        let connector = ServerConnector(
            server: pool.server, transport: pool.transport, timeout: pool.connectTimeout, eventLoop: eventLoop,
            protocols: offersHTTP1 ? [.http2, .http1] : [.http2],
            setUp: .channel { [self] pipeline in
                if pool.transport.tls != nil { try pipeline.addHandler(ALPNCheck(self)) }
            })
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        connector.connect().whenComplete { result in
            let this = this.value
            switch result {
            case .success(let channel?): this.connected(channel)
            case .success(nil): this.couldNotConnect(ConnectionEnded())
            case .failure(let error): this.couldNotConnect(error)
            }
        }
    }

    private func connected(_ channel: any Channel) {
        guard case .connecting = state else { return channel.close(promise: nil) }
        // Over TLS, ALPN has to choose it first.
        if pool.transport.tls == nil { begin(on: channel) }
        waitForSettings()
    }

    private func waitForSettings() {
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        settingsTimer = eventLoop.scheduleTask(in: pool.connectTimeout) {
            guard case .connecting = this.value.state else { return }
            this.value.lacksHTTP2("the server did not send its SETTINGS in time")
        }
    }

    private func couldNotConnect(_ error: any Error) {
        close { $0.failed(error) }
    }

    /// TLS came to nothing, which no other protocol would mend.
    func failedTLS(_ error: (any Error)?) {
        guard case .connecting = state else { return }
        couldNotConnect(error ?? ConnectionEnded())
    }

    /// ALPN has chosen something else, or nothing.
    func chose(_ name: String?) {
        lacksHTTP2("the server chose \(name ?? "nothing") by ALPN, expected h2")
    }

    func choseHTTP2(_ channel: any Channel) { begin(on: channel) }

    private func begin(on channel: any Channel) {
        guard let channel = channel as? SocketChannel, let socket = channel.detach() else {
            channel.close(promise: nil)
            return couldNotConnect(ConnectionEnded())
        }
        handler = Self.makeHandler(id)
        handler.start(on: socket, owner: self)
    }

    private func lacksHTTP2(_ reason: String) {
        pool.server.lacksHTTP2(now: .now())
        close { $0.lacksHTTP2(reason) }
    }

    /// Gives up, and tells whoever waits.
    private func close(_ tell: (HTTP2UpstreamStream) -> Void) {
        settingsTimer?.cancel()
        idleTimer?.cancel()
        pings.stop()
        state = .closed
        pool.retire(self)
        let streams = waiting
        waiting = []
        channel?.close(promise: nil)
        handler.close()
        for stream in streams { tell(stream) }
    }

    /// The channel before the handler is part of it.
    var channel: (any Channel)?

    // MARK: Streams

    /// Takes a request: at once, or when the connection is ready.
    func add(_ stream: HTTP2UpstreamStream) {
        guard case .ready = state else {
            waiting.append(stream)
            return
        }
        send(stream, isReused: true)
    }

    /// Nobody waits for this request any more.
    func forget(_ stream: HTTP2UpstreamStream) {
        waiting.removeAll { $0 === stream }
    }

    private func send(_ request: HTTP2UpstreamStream, isReused: Bool) {
        if request.isForWebSocket, !connection.peerSettings.enableConnectProtocol {
            // Plain requests have their use for the connection (RFC 8441 §3).
            pool.server.lacksWebSocketsOverHTTP2(now: .now())
            return request.lacksHTTP2("the server's SETTINGS lack ENABLE_CONNECT_PROTOCOL (RFC 8441)")
        }
        guard let stream = connection.open(request.head, endsStream: request.endsStream) else {
            // Its room was taken meanwhile, or the server grants less than was expected.
            request.moveOn()
            return
        }
        idleTimer?.cancel()
        idleTimer = nil
        pool.loop.counters.http2Server.streamsOpened.add()
        handler.scheduleFlush()
        countStreams()
        request.opened(stream, on: handler, isReused: isReused)
        if connection.isExhausted { retire() }
    }

    private func countStreams() {
        let change = connection.streamCount - knownStreams
        knownStreams += change
        pool.loop.counters.http2Server.streams.add(change)
        pool.server.streams.add(change)
    }

    // MARK: HTTP2HandlerOwner

    func opened(_ stream: HTTP2Stream, _ request: Result<HTTPRequest, HTTP2RequestError>, endsStream: Bool) {}

    func settingsArrived() {
        guard case .connecting = state else { return }
        settingsTimer?.cancel()
        state = .ready
        pool.loop.counters.http2Server.connectionsOpened.add()
        pings.watch(handler) { [unowned self] in
            pool.loop.process.logger.warning(
                "server does not answer pings on a connection",
                metadata: ["upstream": "\(pool.upstreamName)", "server": "\(address)"])
            handler.close()
        }
        let streams = waiting
        waiting = []
        for stream in streams { send(stream, isReused: false) }
        if !pool.isWanted { retire() }
    }

    func pongArrived() { pings.answered() }

    func goAwayArrived(_ code: HTTP2ErrorCode, debugData: ByteBuffer) {
        pool.loop.process.logger.info(
            "server accepts no more streams on a connection",
            metadata: [
                "upstream": "\(pool.upstreamName)", "server": "\(address)", "error": "\(code.name)",
                "reason": "\(String(buffer: debugData).prefix(200))",
            ])
        retire()
    }

    func failed(_ failure: HTTP2Failure) {
        pool.loop.process.telemetry.http2Server.failed("\(failure.code.name)")
        pool.loop.process.logger.warning(
            "HTTP/2 connection failed",
            metadata: [
                "upstream": "\(pool.upstreamName)", "server": "\(address)", "error": "\(failure.code.name)",
                "reason": "\(failure.message)",
            ])
        if case .connecting = state { return lacksHTTP2("\(failure)") }
        retire()
    }

    func settled() {
        countStreams()
        guard connection.streamCount == 0, waiting.isEmpty else { return }
        switch state {
        case .ready: watchIdleness()
        case .retired: handler.end()
        case .connecting, .closed: break
        }
    }

    func closed() {
        countStreams()
        switch state {
        case .connecting:
            let how = handler.lastError.map { " (\(ConnectFailure.text(for: $0)))" } ?? ""
            lacksHTTP2("the server closed the connection before its SETTINGS\(how)")
            return
        case .ready, .retired:
            pool.loop.counters.http2Server.connectionsClosed.add()
        case .closed:
            break
        }
        close { $0.failed(ConnectionEnded()) }
    }

    private struct ConnectionEnded: WordedError {
        var description: String { "server closed the connection" }
    }

    private var address: Address { pool.server.address }

    /// No configuration in force has it any more: what waits for it still goes through.
    func endWhenIdle() { retire() }

    /// Keeps what is open, takes nothing more.
    private func retire() {
        guard case .ready = state else { return }
        state = .retired
        pool.retire(self)
        for stream in waiting { stream.moveOn() }
        waiting = []
        if connection.streamCount == 0 { handler.end() }
    }

    // MARK: Time

    /// Closes the connection when nobody has needed it for a while.
    private func watchIdleness() {
        guard idleTimer == nil else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        idleTimer = eventLoop.scheduleTask(in: TimeAmount(pool.settings.idleTimeout)) {
            let this = this.value
            this.idleTimer = nil
            guard case .ready = this.state, this.connection.streamCount == 0 else { return }
            this.connection.sendGoAway(.noError, "idle")
            this.retire()
        }
    }
}
