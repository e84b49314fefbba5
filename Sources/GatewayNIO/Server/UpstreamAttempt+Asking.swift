import GatewayConfig
import GatewayPolicy
import NIOCore

// How a server is asked: over a connection of its own, one that was idle, or a stream of one that others share.
extension UpstreamAttempt {
    func ask(_ server: LiveServer, _ permit: ServerPermit) {
        if !tried.contains(server.address) { tried.append(server.address) }
        current = (permit, server, nil)
        if upstream.usesHTTP2(server, forWebSocket: !isPlain, now: .now()) {
            askOverHTTP2(server)
        } else {
            askOverHTTP1(server)
        }
    }

    private func host(_ host: String, namesServer: Bool, _ server: LiveServer) -> String {
        namesServer ? server.configured.authority(isTLS: upstream.transport.tls != nil) : host
    }

    private func request(_ request: UpstreamRequest, to server: LiveServer) -> UpstreamRequest {
        var request = request
        request.host = host(request.host, namesServer: request.namesServer, server)
        return request
    }

    private func request(_ request: PlainRequest, to server: LiveServer) -> PlainRequest {
        var request = request
        request.host = host(request.host, namesServer: request.namesServer, server)
        return request
    }

    private func askOverHTTP2(_ server: LiveServer) {
        let pool = loop.http2Pool(of: upstream, server: server)
        let stream: HTTP2UpstreamStream =
            switch ask {
            case .webSocket(let request):
                HTTP2UpstreamWebSocket(
                    request: self.request(request, to: server), pool: pool, delegate: self)
            case .plain(let request):
                HTTP2UpstreamRequest(request: self.request(request, to: server), pool: pool, delegate: self)
            }
        current?.leg = stream
        if !pool.place(stream) { serverIsFull(stream) }
    }

    func askOverHTTP1(_ server: LiveServer) {
        switch ask {
        case .webSocket(let request):
            connect(
                to: server,
                .socket { [self] socket in
                    let handshake = UpstreamHandshake(
                        request: self.request(request, to: server), isTLS: upstream.transport.tls != nil,
                        timeout: TimeAmount(upstream.configuration.responseTimeout), delegate: self)
                    // Before it speaks: what comes of it may be told at once.
                    current?.leg = handshake
                    handshake.begin(on: socket)
                })
        case .plain(let request):
            let leg = HTTP1UpstreamRequest(request: self.request(request, to: server), delegate: self)
            let pool = loop.http1Pool(of: upstream, server: server)
            if let connection = pool.take() {
                current?.leg = leg
                return connection.carry(leg)
            }
            connect(
                to: server,
                .channel { [self] pipeline in
                    current?.leg = leg
                    try HTTP1UpstreamConnection(pool: pool, request: leg).addHandlers(to: pipeline)
                })
        }
    }

    private func connect(to server: LiveServer, _ setUp: ServerConnector.SetUp) {
        let connector = ServerConnector(
            server: server, transport: upstream.transport, client: client,
            timeout: TimeAmount(upstream.configuration.connectTimeout), eventLoop: loop.eventLoop,
            protocols: [.http1],
            setUp: setUp)
        self.connector = connector
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        connector.connect().whenComplete { result in
            let attempt = this.value
            attempt.connector = nil
            if case .failure(let error) = result { attempt.connectFailed(server, error) }
        }
    }
}
