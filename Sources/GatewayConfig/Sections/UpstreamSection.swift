extension UpstreamConfiguration {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item(name)
        item.add("protocol", `protocol`.rawValue)
        item.add("balance", balance.text)
        item.add("slow_start", SectionText.time(slowStart, zero: "none"))
        if let sticky {
            item.add("sticky", "cookie \(sticky.cookie)" + (sticky.secret == nil ? "" : ", secret \(Masked.text)"))
        }
        for server in servers { item.add("server \(server.address)", server.text) }
        if let tls {
            item.add("tls.server_name", tls.serverName ?? "the server's host")
            item.add("tls.ca", tls.ca ?? "the system's")
            item.add("tls.verify", SectionText.flag(tls.verify))
            item.add("tls.certificate", tls.identity?.certificate)
        } else {
            item.add("tls", "none")
        }
        item.add("host", host.text)
        item.add("proxy_protocol", proxyProtocol.rawValue)
        item.add("source", source)
        item.add("connect_timeout", SectionText.time(connectTimeout))
        item.add("response_timeout", SectionText.time(responseTimeout))
        item.add("retries", "\(retries)")
        item.add("health_check", healthCheck.map { "\($0), timeout \(SectionText.time($0.timeout))" } ?? "none")
        item.add("dns_refresh", SectionText.time(dnsRefresh))
        if `protocol` != .http1 {
            item.add("h2.max_connections", "\(http2.maxConnections)")
            item.add("h2.max_streams", "\(http2.maxStreams)")
        }
        return item
    }
}

extension ServerConfiguration {
    fileprivate var text: String {
        var parts = [state.rawValue, "weight \(weight)"]
        if maxConnections > 0 { parts.append("max_connections \(maxConnections)") }
        if priority > 0 { parts.append("priority \(priority)") }
        return parts.joined(separator: ", ")
    }
}

extension UpstreamConfiguration.Balance {
    fileprivate var text: String {
        switch self {
        case .roundRobin: "round_robin"
        case .leastConnections: "least_connections"
        case .randomTwo: "random_two"
        case .hash(.ip): "hash on ip"
        case .hash(.path): "hash on path"
        case .hash(.header(let name)): "hash on header:\(name)"
        case .hash(.query(let name)): "hash on query:\(name)"
        case .hash(.cookie(let name)): "hash on cookie:\(name)"
        }
    }
}

extension SentHost {
    fileprivate var text: String {
        switch self {
        case .client: "client"
        case .upstream: "upstream"
        case .name(let name): name
        }
    }
}
