extension RouteConfiguration {
    var item: ConfigurationSection.Item {
        var item = ConfigurationSection.Item(name)
        addMatch(to: &item)
        addAction(to: &item)
        if let origins {
            item.add("origins", origins.allowed)
            item.add("missing_origin", origins.allowMissing ? "allow" : "deny")
        }
        switch action {
        case .upstream, .command: addLimits(to: &item)
        case .redirect, .respond: break
        }
        item.add("request_headers.set", Masked.names(of: requestHeaders.set))
        item.add("request_headers.remove", requestHeaders.remove)
        item.add("response_headers.set", Masked.names(of: responseHeaders.set))
        item.add("response_headers.remove", responseHeaders.remove)
        return item
    }

    private func addMatch(to item: inout ConfigurationSection.Item) {
        item.add("match.hosts", match.hosts)
        switch match.path {
        case nil: break
        case .exact(let path): item.add("match.path", path)
        case .prefix(let path): item.add("match.path_prefix", path)
        case .regex(let pattern): item.add("match.path_regex", pattern)
        }
        item.add("match.headers", Masked.names(of: match.headers))
        item.add("match.query", Masked.names(of: match.query))
        item.add("match.subprotocols", match.subprotocols)
        item.add("match.listeners", match.listeners)
        if item.lines.isEmpty { item.add("match", "everything") }
    }

    private func addAction(to item: inout ConfigurationSection.Item) {
        switch action {
        case .upstream(let name): item.add("upstream", name)
        case .redirect(let status, let location): item.add("redirect", "\(status) \(location.prefix { $0 != "?" })")
        case .respond(let response): item.add("respond", "\(response.status)")
        case .command(let command): item.add("command", "\(command.program) (\(command.framing.rawValue))")
        }
        switch rewrite {
        case nil: break
        case .stripPrefix(let prefix): item.add("rewrite.strip_prefix", prefix)
        case .replacePrefix(let from, let to): item.add("rewrite.replace_prefix", "\(from) → \(to)")
        case .path(let path): item.add("rewrite.path", path)
        }
    }

    private func addLimits(to item: inout ConfigurationSection.Item) {
        item.add("max_connections", SectionText.cap(maxConnections))
        item.add("max_connections_per_ip", SectionText.cap(maxConnectionsPerIP))
        item.add("http", SectionText.flag(http))
        item.add("max_body_size", SectionText.size(maxBodySize, zero: "no cap"))
        item.add("max_requests", SectionText.cap(maxRequests))
        if let queue { item.add("queue", "\(queue.size) for \(SectionText.time(queue.timeout))") }
        item.add("max_message_size", SectionText.size(session.maxMessageSize))
        item.add("idle_timeout", SectionText.time(session.idleTimeout, zero: "never"))
        item.add("max_lifetime", SectionText.time(session.maxLifetime, zero: "no limit"))
        item.add("ping_interval", SectionText.time(session.pingInterval, zero: "none"))
        item.add("pong_timeout", SectionText.time(session.pongTimeout))
        item.add("close_timeout", SectionText.time(session.closeTimeout))
        item.add("validate_utf8", SectionText.flag(session.validateUTF8))
        item.add("compression", session.compression.text)
        item.add("legacy_versions", legacyVersions.map(\.rawValue))
        item.add("on_change", "changed: \(onChange.changed.rawValue), removed: \(onChange.removed.rawValue)")
    }
}

extension CompressionSettings {
    fileprivate var text: String {
        guard mode == .terminate else { return mode.rawValue }
        var parts = ["terminate", "window_bits \(windowBits)", "memory_level \(memoryLevel)", "level \(level)"]
        parts.append("context_takeover \(SectionText.flag(contextTakeover))")
        parts.append("threshold \(threshold)")
        if maxRatio > 0 { parts.append("max_ratio \(maxRatio)") }
        if upstream { parts.append("to the servers as well") }
        return parts.joined(separator: ", ")
    }
}
