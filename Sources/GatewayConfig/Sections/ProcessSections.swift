extension ListenerConfiguration {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item(name)
        item.add("address", "\(address)")
        if let tls {
            item.add("tls.minimum_version", tls.minimumVersion.rawValue)
            item.add("tls.certificates", tls.certificates.map(\.certificate))
            item.add("tls.ciphers", tls.ciphers.map(\.rawValue))
            item.add("tls.groups", tls.groups.map(\.rawValue))
            item.add("tls.ticket_keys", tls.ticketKeys ?? "made by the process")
            item.add("tls.client_ca", tls.clientCA)
        } else {
            item.add("tls", "none")
        }
        item.add("protocols", protocols.map(\.rawValue))
        item.add("websocket_over_http2", SectionText.flag(websocketOverHTTP2))
        item.add("h2.max_streams", "\(maxStreams)")
        item.add("proxy_protocol", SectionText.flag(proxyProtocol))
        item.add("trusted_proxies", trustedProxies.map(SectionText.prefix))
        item.add("via", SectionText.flag(via))
        item.add("underscores", underscores.rawValue)
        item.add("encoded_slashes", encodedSlashes.rawValue)
        return item
    }
}

extension ProcessLimits {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item()
        item.add("max_connections", SectionText.cap(maxConnections))
        item.add("max_connections_per_ip", SectionText.cap(maxConnectionsPerIP))
        item.add("max_handshakes_per_second", SectionText.cap(maxHandshakesPerSecond))
        item.add("handshake_timeout", SectionText.time(handshakeTimeout))
        item.add("keep_alive_timeout", SectionText.time(keepAliveTimeout))
        item.add("max_header_size", SectionText.size(maxHeaderSize))
        item.add("compression_memory", SectionText.size(compressionMemory))
        item.add("event_loops", eventLoops == 0 ? "one for each core" : "\(eventLoops)")
        return item
    }
}

extension AdminConfiguration {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item()
        item.add("address", "\(address)")
        item.add("token", token == nil ? "none" : Masked.text)
        item.add("hosts", hosts)
        item.add("takeover_socket", takeoverSocket)
        return item
    }
}

extension LogConfiguration {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item()
        item.add("level", level.rawValue)
        item.add("format", format?.rawValue ?? "text on a terminal, json elsewhere")
        item.add("access", SectionText.flag(access))
        item.add("query", SectionText.flag(query))
        item.add("sample", "\(sample)")
        item.add(
            "redact", redact.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue): \($0.value)" })
        return item
    }
}

extension DrainConfiguration {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item()
        item.add("delay", SectionText.time(delay))
        item.add("timeout", SectionText.time(timeout))
        item.add("spread", SectionText.time(spread))
        item.add("code", "\(code)")
        return item
    }
}
