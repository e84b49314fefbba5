import GatewayConfig
import GatewayPolicy
import NIOCore

/// The idle HTTP/1.1 connections of one event loop to one server, for plain requests: the one that was used last is used
/// next, so that what a burst has opened goes when the burst is over.
final class HTTP1Pool {
    let server: LiveServer
    let transport: UpstreamTransport
    /// The loop keeps the pool.
    unowned let loop: LoopContext
    private var settings = UpstreamHTTP1()
    private(set) var connectTimeout = TimeAmount.zero
    /// In the order they became idle.
    private var idle: [HTTP1UpstreamConnection] = []
    private var sweep: Scheduled<Void>?

    /// Whether connections may be kept.
    var isWanted = true {
        didSet {
            guard !isWanted else { return }
            let connections = idle
            idle = []
            for connection in connections { connection.close() }
            loop.remove(self)
        }
    }

    init(upstream: Upstream, server: LiveServer, loop: LoopContext) {
        self.server = server
        self.loop = loop
        transport = upstream.transport
        follow(upstream)
    }

    /// Takes the limits over.
    func follow(_ upstream: Upstream) {
        settings = upstream.configuration.http1
        connectTimeout = TimeAmount(upstream.configuration.connectTimeout)
    }

    var idleCount: Int { idle.count }

    /// A connection that carried others before and is still good, as far as can be known; nil: there is none.
    func take() -> HTTP1UpstreamConnection? {
        while let connection = idle.popLast() {
            if connection.isUsable { return connection }
            connection.close()
        }
        return nil
    }

    /// Keeps a connection for the next request, or closes it.
    func put(_ connection: HTTP1UpstreamConnection) {
        guard isWanted, settings.maxIdle > 0, transport.sharesConnections, idle.count < settings.maxIdle else {
            return connection.close()
        }
        connection.expiresAt = .now() + min(TimeAmount(settings.idleTimeout), connection.serverIdleLimit ?? .hours(24))
        idle.append(connection)
        scheduleSweep()
    }

    /// A connection has ended while it was idle.
    func forget(_ connection: HTTP1UpstreamConnection) {
        idle.removeAll { $0 === connection }
    }

    /// One timer for all of them.
    private func scheduleSweep() {
        guard sweep == nil, let earliest = idle.map(\.expiresAt).min() else { return }
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        sweep = loop.eventLoop.scheduleTask(deadline: max(earliest, .now() + .milliseconds(100))) {
            this.value.closeExpired()
        }
    }

    private func closeExpired() {
        sweep = nil
        let now = NIODeadline.now()
        let expired = idle.filter { $0.expiresAt <= now }
        idle.removeAll { $0.expiresAt <= now }
        for connection in expired { connection.close() }
        scheduleSweep()
    }
}
