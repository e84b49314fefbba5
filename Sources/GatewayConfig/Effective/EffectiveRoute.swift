extension RouteConfiguration {
    func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        var entries: [ConfigurationValue.Entry] = []
        func add(_ key: String, _ value: ConfigurationValue?) {
            if let value { entries.append(.init(key, value)) }
        }
        add("name", .text(name))
        add("match", match.effective(&masks).unlessEmpty)
        switch action {
        case .upstream(let name): add("upstream", .text(name))
        case .redirect(let status, let location):
            add("redirect", .section(["to": .text(masks.maskQuery(of: location)), "status": .number(status)]))
        case .respond(let response): add("respond", response.effective(&masks))
        case .command(let command): add("command", command.effective(&masks))
        }
        add("rewrite", rewrite?.effective)
        add("origins", origins.map { .texts($0.allowed) })
        add("missing_origin", .word(origins?.allowMissing == false ? RouteSettings.MissingOrigin.deny : .allow))
        switch action {
        case .upstream, .command: addSettings(to: &entries)
        case .redirect, .respond: break
        }
        add("request_headers", requestHeaders.effective(&masks))
        add("response_headers", responseHeaders.effective(&masks))
        add(
            "on_change", .section(["changed": .word(onChange.changed), "removed": .word(onChange.removed)]))
        add("legacy_versions", .texts(legacyVersions.map(\.rawValue)))
        return .mapping(entries)
    }

    /// What says something of routes alone that lead WebSockets anywhere.
    private func addSettings(to entries: inout [ConfigurationValue.Entry]) {
        func add(_ key: String, _ value: ConfigurationValue) { entries.append(.init(key, value)) }
        add("max_connections", .number(maxConnections))
        add("max_connections_per_ip", .number(maxConnectionsPerIP))
        if case .upstream = action {
            add("http", .onOff(http))
            add("max_body_size", .size(maxBodySize))
            add("max_requests", .number(maxRequests))
            add(
                "queue",
                queue.map { ConfigurationValue.section(["size": .number($0.size), "timeout": .duration($0.timeout)]) }
                    ?? .onOff(false))
        }
        add("max_message_size", .size(session.maxMessageSize))
        add("idle_timeout", .duration(session.idleTimeout))
        add("max_lifetime", .duration(session.maxLifetime))
        add("ping_interval", .duration(session.pingInterval))
        add("pong_timeout", .duration(session.pongTimeout))
        add("close_timeout", .duration(session.closeTimeout))
        add("validate_utf8", .flag(session.validateUTF8))
        add("compression", session.compression.effective)
    }
}

extension RouteMatchConfiguration {
    fileprivate func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        var exact: String?
        var prefix: String?
        var pattern: String?
        switch path {
        case nil: break
        case .exact(let text): exact = text
        case .prefix(let text): prefix = text
        case .regex(let text): pattern = text
        }
        return .section([
            "hosts": .atLeastOne(hosts),
            "path": exact.map { .text($0) },
            "path_prefix": prefix.map { .text($0) },
            "path_regex": pattern.map { .text($0) },
            "headers": masks.mask(headers).unlessEmpty,
            "query": masks.mask(query).unlessEmpty,
            "subprotocols": .atLeastOne(subprotocols),
            "listeners": .atLeastOne(listeners),
        ])
    }
}

extension FixedResponse {
    fileprivate func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        .section([
            "status": .number(status),
            "body": body.isEmpty ? nil : .text(masks.mask(body)),
            "content_type": headers["content-type"].map { .text($0) },
            "headers": masks.mask(headers.filter { $0.key != "content-type" }).unlessEmpty,
        ])
    }
}

extension PathRewrite {
    fileprivate var effective: ConfigurationValue {
        switch self {
        case .stripPrefix(let prefix): .section(["strip_prefix": .text(prefix)])
        case .replacePrefix(let from, let to):
            .section(["replace_prefix": .section(["from": .text(from), "to": .text(to)])])
        case .path(let path): .section(["path": .text(path)])
        }
    }
}

extension CommandConfiguration {
    /// The program is the one that was found, wherever the file is read again.
    fileprivate func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        .section([
            "run": .texts([program] + run.dropFirst().map { masks.mask($0) }),
            "framing": .word(framing),
            "directory": .text(directory),
            "environment": masks.mask(environment).unlessEmpty,
            "user": account.user.map { .number(Int($0)) },
            "group": account.group.map { .number(Int($0)) },
            "kill_after": .duration(killAfter),
        ])
    }
}

extension CompressionSettings {
    fileprivate var effective: ConfigurationValue {
        .section([
            "mode": .word(mode),
            "window_bits": .number(windowBits),
            "memory_level": .number(memoryLevel),
            "level": .number(level),
            "context_takeover": .flag(contextTakeover),
            "threshold": .size(threshold),
            "max_ratio": .number(maxRatio),
            "upstream": .onOff(upstream),
        ])
    }
}

extension HeaderEdits {
    fileprivate func effective(_ masks: inout SecretMasks) -> ConfigurationValue {
        .section(["set": masks.mask(set), "remove": .texts(remove)])
    }
}
