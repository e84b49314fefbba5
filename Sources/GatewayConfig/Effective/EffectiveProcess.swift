extension ProcessLimits {
    var effective: ConfigurationValue {
        .section([
            "max_connections": .number(maxConnections),
            "max_connections_per_ip": .number(maxConnectionsPerIP),
            "max_handshakes_per_second": .number(maxHandshakesPerSecond),
            "handshake_timeout": .duration(handshakeTimeout),
            "keep_alive_timeout": .duration(keepAliveTimeout),
            "max_header_size": .size(maxHeaderSize),
            "compression_memory": .size(compressionMemory),
            "event_loops": .number(eventLoops),
        ])
    }
}

extension LogConfiguration {
    var effective: ConfigurationValue {
        let fields = Field.allCases.compactMap { field in
            redact[field].map { ConfigurationValue.Entry(field.rawValue, .word($0)) }
        }
        return .section([
            "level": .word(level),
            "format": format.map { .word($0) },
            "access": .flag(access),
            "query": .flag(query),
            "sample": .share(sample),
            "redact": fields.isEmpty ? .list([]) : .mapping(fields),
        ])
    }
}

extension DrainConfiguration {
    var effective: ConfigurationValue {
        .section([
            "delay": .duration(delay),
            "timeout": .duration(timeout),
            "spread": .duration(spread),
            "code": .number(Int(code)),
        ])
    }
}
