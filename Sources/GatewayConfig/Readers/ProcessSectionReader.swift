/// `limits`, `log` and `drain`.
enum ProcessSectionReader {
    static func limits(_ node: YAMLNode?, _ context: ReadingContext) -> ProcessLimits {
        var limits = ProcessLimits()
        guard let section = mapping(node, .limits, context) else { return limits }
        if let value = section.integer("max_connections") { limits.maxConnections = value }
        if let value = section.integer("max_connections_per_ip") {
            limits.maxConnectionsPerIP = value
        }
        if let value = section.integer("max_handshakes_per_second") {
            limits.maxHandshakesPerSecond = value
        }
        if let value = section.duration("handshake_timeout") { limits.handshakeTimeout = value }
        if let value = section.duration("keep_alive_timeout") { limits.keepAliveTimeout = value }
        if let value = section.size("max_header_size") { limits.maxHeaderSize = value }
        if let value = section.size("compression_memory") { limits.compressionMemory = value }
        if let value = section.integer("event_loops") { limits.eventLoops = value }
        section.finish()
        return limits
    }

    static func log(_ node: YAMLNode?, _ context: ReadingContext) -> LogConfiguration {
        var log = LogConfiguration()
        guard let section = mapping(node, .log, context) else { return log }
        if let value = section.word("level", LogConfiguration.Level.self) { log.level = value }
        if let value = section.word("format", LogConfiguration.Format.self) { log.format = value }
        if let value = section.flag("access") { log.access = value }
        if let value = section.flag("query") { log.query = value }
        if let node = section.node("sample") {
            let value = context.value(node, expecting: "a share from 0 to 1 such as 0.1", parse: Self.share)
            if let value { log.sample = value }
        }
        if let node = section.node("redact") { log.redact = redaction(node, context) }
        section.finish()
        return log
    }

    private static func mapping(_ node: YAMLNode?, _ keys: KeySection, _ context: ReadingContext) -> MappingReader? {
        node.flatMap { MappingReader($0, keys, context: context, expecting: "a mapping") }
    }

    /// Digits, and a fraction behind a point.
    private static func share(_ text: String) -> Double? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ UInt64(decimalDigits: $0) != nil }), let share = Double(text), share <= 1 else {
            return nil
        }
        return share
    }

    /// A list of fields to hide, or a mapping that says of each what it shows.
    private static func redaction(
        _ node: YAMLNode, _ context: ReadingContext
    ) -> [LogConfiguration.Field: LogConfiguration.Redaction] {
        var fields: [LogConfiguration.Field: LogConfiguration.Redaction] = [:]
        if case .mapping = node.kind {
            guard let section = mapping(node, .redact, context) else { return fields }
            for field in LogConfiguration.Field.allCases {
                fields[field] = section.word(field.rawValue, LogConfiguration.Redaction.self)
            }
            section.finish()
        } else {
            let expected = "a list of fields such as [client, path], or a mapping such as { client: hash }"
            for name in context.list(node, expecting: expected) ?? [] {
                let word = context.word(name, among: LogConfiguration.Field.allCases.map(\.rawValue))
                if let field = word.flatMap(LogConfiguration.Field.init(rawValue:)) { fields[field] = .hide }
            }
        }
        return fields
    }

    static func drain(_ node: YAMLNode?, _ context: ReadingContext) -> DrainConfiguration {
        var drain = DrainConfiguration()
        guard let section = mapping(node, .drain, context) else { return drain }
        if let value = section.duration("delay") { drain.delay = value }
        if let value = section.duration("timeout") { drain.timeout = value }
        let spread = section.duration("spread")
        drain.spread = spread ?? min(drain.spread, drain.timeout)
        if let place = section.node("spread")?.place, spread != nil, drain.spread > drain.timeout {
            let timeout = DurationText.format(drain.timeout)
            context.report(
                "spread is \(DurationText.format(drain.spread)), expected at most the timeout of \(timeout)", at: place)
        }
        let codes = "the close code 1001 (going away) or 1012 (service restart)"
        if let code = section.oneNumber("code", expecting: codes) { drain.code = UInt16(clamping: code) }
        section.finish()
        return drain
    }
}
