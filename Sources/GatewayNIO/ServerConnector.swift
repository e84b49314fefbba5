import GatewayConfig
import NIOCore
import NIOPosix
import NIOSSL

/// Opens transport connections to the servers of an upstream: each of a server's addresses in turn, TLS on top of it.
struct ServerConnector {
    let upstream: Upstream
    let server: Int
    let eventLoop: any EventLoop

    /// No address of the server is known.
    struct Unresolved: Error, CustomStringConvertible {
        var description: String { "the name of the server has not been resolved" }
    }

    /// - Parameters:
    ///   - protocols: ALPN identifiers to offer over TLS.
    ///   - setUp: adds what is behind TLS.
    /// - Returns: the channel, or what the last address failed with.
    func connect(
        protocols: [ApplicationProtocol],
        setUp: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        connect(to: upstream.addresses(of: server)[...], protocols, setUp)
    }

    private func connect(
        to addresses: ArraySlice<SocketAddress>, _ protocols: [ApplicationProtocol],
        _ setUp: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        guard let address = addresses.first else { return eventLoop.makeFailedFuture(Unresolved()) }
        let tls = upstream.tls(offering: protocols)
        let name = upstream.tlsServerName(of: server)
        let gauge = upstream.gauges[server]
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(upstream.configuration.connectTimeout))
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: Listener.watermarks)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name)) }
                    try setUp(pipeline)
                }
            }
            .connect(to: address)
            .map { channel in
                gauge.connections.add(1)
                channel.closeFuture.whenComplete { _ in gauge.connections.add(-1) }
                return channel
            }
            .flatMapError { error in
                let rest = addresses.dropFirst()
                if rest.isEmpty || (error as? IOError)?.isLackOfResources == true {
                    return eventLoop.makeFailedFuture(error)
                }
                return connect(to: rest, protocols, setUp)
            }
    }
}
