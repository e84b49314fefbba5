/// The connections of one event loop to servers that requests share or use one after the other: a pool for each server and
/// way to speak to it.
final class ServerPools {
    /// The loop keeps this object.
    private unowned let loop: LoopContext
    private var http1: [ServerPoolKey: HTTP1Pool] = [:]
    private var http2: [ServerPoolKey: HTTP2Pool] = [:]

    init(loop: LoopContext) { self.loop = loop }

    /// Takes over what the generation in force says: pools that it does not want end with their last connection.
    func follow() {
        judge()
        let upstreams = loop.generation.upstreams
        for (key, pool) in http2 where pool.isWanted { upstreams[key.server.upstream.name].map(pool.follow) }
        for (key, pool) in http1 where pool.isWanted { upstreams[key.server.upstream.name].map(pool.follow) }
    }

    /// Looks at which pools are wanted: names may stand for other servers now.
    func judge() {
        for (key, pool) in http2 { pool.isWanted = isWanted(key) }
        for (key, pool) in http1 { pool.isWanted = isWanted(key) }
    }

    /// The idle HTTP/1.1 connections to one server.
    func http1Pool(of upstream: Upstream, server: LiveServer) -> HTTP1Pool {
        let key = ServerPoolKey(server: server, transport: upstream.transport)
        if let pool = http1[key] { return pool }
        let pool = HTTP1Pool(upstream: upstream, server: server, loop: loop)
        pool.isWanted = isWanted(key)
        http1[key] = pool
        return pool
    }

    /// The HTTP/2 connections to one server.
    func http2Pool(of upstream: Upstream, server: LiveServer) -> HTTP2Pool {
        let key = ServerPoolKey(server: server, transport: upstream.transport)
        if let pool = http2[key] { return pool }
        let pool = HTTP2Pool(upstream: upstream, server: server, loop: loop)
        pool.isWanted = isWanted(key)
        http2[key] = pool
        return pool
    }

    /// Whether the generation in force has connections of that kind.
    private func isWanted(_ key: ServerPoolKey) -> Bool {
        loop.generation.upstreams[key.server.upstream.name].map { upstream in
            upstream.transport === key.transport && upstream.configuration(of: key.server) != nil
        } ?? false
    }

    /// A pool that is not wanted keeps nothing.
    func remove(_ pool: HTTP1Pool) { http1[ServerPoolKey(server: pool.server, transport: pool.transport)] = nil }

    /// A pool that is not wanted has lost its last connection.
    func remove(_ pool: HTTP2Pool) {
        if !pool.isWanted { http2[ServerPoolKey(server: pool.server, transport: pool.transport)] = nil }
    }
}
