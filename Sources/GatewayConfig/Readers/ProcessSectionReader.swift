/// `limits`, `log` and `drain`.
enum ProcessSectionReader {
    static func limits(_ node: YAMLNode?, _ context: ReadingContext) -> ProcessLimits {
        var limits = ProcessLimits()
        guard let section = node.flatMap({ MappingReader($0, context: context) }) else { return limits }
        if let value = section.integer("max_connections", in: 1...10_000_000) { limits.maxConnections = value }
        if let value = section.integer("max_connections_per_ip", in: 0...10_000_000) {
            limits.maxConnectionsPerIP = value
        }
        if let value = section.integer("max_handshakes_per_second", in: 0...10_000_000) {
            limits.maxHandshakesPerSecond = value
        }
        if let value = section.duration("handshake_timeout", positive: true) { limits.handshakeTimeout = value }
        if let value = section.duration("keep_alive_timeout") { limits.keepAliveTimeout = value }
        if let value = section.size("max_header_size", in: 512...(1 << 20)) { limits.maxHeaderSize = value }
        if let value = section.size("compression_memory", in: 0...(1 << 40)) { limits.compressionMemory = value }
        if let value = section.integer("event_loops", in: 0...1024) { limits.eventLoops = value }
        section.finish()
        return limits
    }

    static func log(_ node: YAMLNode?, _ context: ReadingContext) -> LogConfiguration {
        var log = LogConfiguration()
        guard let section = node.flatMap({ MappingReader($0, context: context) }) else { return log }
        if let value = section.word("level", LogConfiguration.Level.self) { log.level = value }
        if let value = section.word("format", LogConfiguration.Format.self) { log.format = value }
        if let value = section.flag("access") { log.access = value }
        section.finish()
        return log
    }

    static func drain(_ node: YAMLNode?, _ context: ReadingContext) -> DrainConfiguration {
        var drain = DrainConfiguration()
        guard let section = node.flatMap({ MappingReader($0, context: context) }) else { return drain }
        if let value = section.duration("delay") { drain.delay = value }
        if let value = section.duration("timeout") { drain.timeout = value }
        let spread = section.duration("spread")
        drain.spread = spread ?? min(drain.spread, drain.timeout)
        if let place = section.node("spread")?.place, spread != nil, drain.spread > drain.timeout {
            let timeout = DurationText.format(drain.timeout)
            context.report("spread is \(DurationText.format(drain.spread)), longer than timeout, \(timeout)", at: place)
        }
        if let node = section.node("code") {
            let expected = "the close code 1001 (going away) or 1012 (service restart)"
            let code = context.value(node, expecting: expected) { ["1001": UInt16(1001), "1012": 1012][$0] }
            if let code { drain.code = code }
        }
        section.finish()
        return drain
    }
}
