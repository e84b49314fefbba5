import GatewayConfig
import GatewayPolicy
import HTTP2Core
import NIOCore

/// The shared HTTP/2 connections of one event loop to one server.
///
/// A connection more is opened when those that are there have as many streams as they may, up to `h2.max_connections`.
/// When fewer would do, the last ones get no new streams, and are closed once they have had none for `h2.idle_timeout`.
final class HTTP2Pool {
    let server: LiveServer
    let transport: UpstreamTransport
    /// As the generation in force has them: those that have the transport in common differ in times alone.
    private(set) var connectTimeout = TimeAmount.zero
    private(set) var responseTimeout = TimeAmount.zero
    /// The loop keeps the pool.
    unowned let loop: LoopContext
    /// In the order they were opened; those that take no more streams are gone from here.
    private var connections: [HTTP2UpstreamConnection] = []

    /// Whether new streams may come. Connections of a pool that is not wanted any more end with their last stream.
    var isWanted = true {
        didSet {
            guard !isWanted else { return }
            for connection in connections { connection.endWhenIdle() }
            if connections.isEmpty { loop.remove(self) }
        }
    }

    init(upstream: Upstream, server: LiveServer, loop: LoopContext) {
        self.server = server
        self.loop = loop
        transport = upstream.transport
        follow(upstream)
    }

    /// Takes the times over.
    func follow(_ upstream: Upstream) {
        connectTimeout = TimeAmount(upstream.configuration.connectTimeout)
        responseTimeout = TimeAmount(upstream.configuration.responseTimeout)
    }

    var upstreamName: String { server.upstream.name }

    var settings: UpstreamHTTP2 { transport.http2 }

    /// Finds a connection for a request, or opens one.
    ///
    /// - Returns: false when every connection is full and no more may be opened.
    func place(_ stream: HTTP2UpstreamStream) -> Bool {
        if let connection = leastLoaded() {
            connection.add(stream)
            return true
        }
        guard connections.count < settings.maxConnections else { return false }
        let connection = HTTP2UpstreamConnection(pool: self, id: loop.makeID())
        connections.append(connection)
        connection.add(stream)
        connection.start()
        return true
    }

    /// The one with the fewest streams, among as many of the oldest as have room for a third more than there are.
    private func leastLoaded() -> HTTP2UpstreamConnection? {
        let total = connections.reduce(0) { $0 + $1.load }
        var room = 0
        var needed = 0
        for connection in connections where room * 3 < (total + 1) * 4 {
            room += connection.load + connection.free
            needed += 1
        }
        let preferred = connections.prefix(needed).filter { $0.free > 0 }.min { $0.load < $1.load }
        return preferred ?? connections.dropFirst(needed).first { $0.free > 0 }
    }

    /// Nobody waits for this request any more.
    func forget(_ stream: HTTP2UpstreamStream) {
        for connection in connections { connection.forget(stream) }
    }

    /// A connection takes no more streams.
    func retire(_ connection: HTTP2UpstreamConnection) {
        connections.removeAll { $0 === connection }
        if connections.isEmpty { loop.remove(self) }
    }
}
