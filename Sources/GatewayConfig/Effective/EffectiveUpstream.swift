extension UpstreamConfiguration {
    func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        .section([
            "name": .text(name),
            "servers": .list(servers.map(\.effective)),
            "protocol": .word(`protocol`),
            "h2": http2.effective,
            "http1": .section([
                "max_idle": .number(http1.maxIdle), "idle_timeout": .duration(http1.idleTimeout),
            ]),
            "balance": balance.value,
            "slow_start": .duration(slowStart),
            "sticky": sticky.map { $0.effective(&masks) },
            "tls": tls?.effective,
            "connect_timeout": .duration(connectTimeout),
            // The two differ where the file gives none: no value of the key stands for both.
            "response_timeout": responseTimeout == plainResponseTimeout ? .duration(responseTimeout) : nil,
            "retries": .number(retries),
            "health_check": healthCheck.map { $0.effective(&masks) },
            "dns_refresh": .duration(dnsRefresh),
            "host": host.effective,
            "proxy_protocol": .word(proxyProtocol),
            "source": .texts(source),
        ])
    }
}

extension ServerConfiguration {
    fileprivate var effective: ConfigurationValue {
        .section([
            "address": .text("\(address)"),
            "weight": .number(weight),
            "max_connections": .number(maxConnections),
            "priority": .number(priority),
            "state": .word(state),
        ])
    }
}

extension UpstreamHTTP2 {
    fileprivate var effective: ConfigurationValue {
        .section([
            "max_connections": .number(maxConnections),
            "max_streams": .number(maxStreams),
            "ping_interval": .duration(pingInterval),
            "ping_timeout": .duration(pingTimeout),
            "idle_timeout": .duration(idleTimeout),
        ])
    }
}

extension StickyConfiguration {
    fileprivate func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        .section([
            "cookie": .text(cookie),
            "secret": secret.map { .text(masks.mask($0)) },
            "path": .text(path),
            "domain": domain.map { .text($0) },
            "secure": secure.map { .flag($0) },
            "http_only": .flag(httpOnly),
            "same_site": sameSite.map { .word($0) },
            "max_age": maxAge.map { .duration($0) },
        ])
    }
}

extension UpstreamTLS {
    fileprivate var effective: ConfigurationValue {
        .section([
            "server_name": serverName.map { .text($0) },
            "ca": ca.map { .text($0) },
            "verify": .flag(verify),
            "certificate": identity.map { .text($0.certificate) },
            "private_key": identity.map { .text($0.privateKey) },
        ])
    }
}

extension HealthCheck {
    fileprivate func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        var path: String?
        var statuses: [ClosedRange<Int>] = []
        var isWebSocket = false
        switch kind {
        case .tcp: break
        case .http(let target, let passing): (path, statuses) = (target, passing)
        case .webSocket(let target): (path, isWebSocket) = (target, true)
        }
        return .section([
            "path": path.map { .text(masks.maskQuery(of: $0)) },
            "status": .atLeastOne(
                statuses.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }),
            "host": host.map { .text($0) },
            "websocket": .flag(isWebSocket),
            "tcp": path == nil ? .flag(true) : nil,
            "interval": .duration(interval),
            "timeout": .duration(timeout),
            "unhealthy_after": .number(unhealthyAfter),
            "healthy_after": .number(healthyAfter),
        ])
    }
}

extension SentHost {
    fileprivate var effective: ConfigurationValue {
        switch self {
        case .client: .text("client")
        case .upstream: .text("upstream")
        case .name(let name): .text(name)
        }
    }
}
