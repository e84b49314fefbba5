extension KeySection {
    static let admin = KeySection(
        "admin", "The endpoint for statistics, metrics, health and commands.",
        keys: [
            KeyDescription(
                "address", .text(.listeningAddress), .required,
                "The admin endpoint listens here, with cleartext HTTP. Use loopback or a unix socket.")
        ], KeyDescription.socketAccess,
        [
            KeyDescription(
                "token", .text(.bearerToken), .text("none"),
                "Every path but `/healthz` and `/readyz` needs `Authorization: Bearer` with this token; `\"\"` means none. It has visible ASCII characters without spaces. `check` warns if there is no token and other machines can reach `address`."
            ),
            KeyDescription(
                "hosts", .list(of: .text(.hostName)), .emptyList,
                "Names, without port or wildcard, under which the gateway accepts requests that change something, and requests that a page sends (they have an `Origin`). It always accepts `localhost` and IP addresses. Under any other name it answers only GET and HEAD without `Origin`, so probes and scrapers need no entry; other requests get 403."
            ),
            KeyDescription(
                "takeover_socket", .text(.socketPath), .text("none"),
                "A unix socket over which a new process takes the listening sockets from the running one. The path has at most 107 bytes and no `unix:`, and is not one of the addresses to listen on."
            ),
        ])

    static let limits: KeySection = {
        let defaults = ProcessLimits()
        return KeySection(
            "limits", "These limits apply to the whole process.",
            keys: [
                KeyDescription(
                    "max_connections", .number(1...10_000_000), .number(defaults.maxConnections),
                    "How many WebSockets may be open or opening, no matter which connections they share. Further ones get 503."
                ),
                KeyDescription(
                    "max_connections_per_ip", .number(0...10_000_000), .number(defaults.maxConnectionsPerIP),
                    zero: "no cap", "The same for one client address."),
                KeyDescription(
                    "max_handshakes_per_second", .number(0...10_000_000), .number(defaults.maxHandshakesPerSecond),
                    zero: "no cap",
                    "How many handshakes per second are allowed. A burst of one second's worth is allowed too; above that clients get 429."
                ),
                KeyDescription(
                    "handshake_timeout", .positiveDuration, .duration(defaults.handshakeTimeout),
                    "How long a handshake may take from accept to `101`, TLS included; then the client gets 408, or 504 if the gateway is waiting for a server. If a server's refusal takes as long again, the gateway cuts it off. Over HTTP/2 the limit holds for each stream, for each connection from accept to its preface and the acknowledgement of SETTINGS, and for each frame that has begun."
                ),
                KeyDescription(
                    "keep_alive_timeout", .anyDuration, .duration(defaults.keepAliveTimeout), zero: "none is kept",
                    "How long a client's HTTP/1.1 connection may wait for its next request; then the gateway closes it."
                ),
                KeyDescription(
                    "max_header_size", .size(512...(1 << 20)), .size(defaults.maxHeaderSize),
                    "Size of request line and fields; above that, or with more than 256 fields, the client gets 431. Over HTTP/2 it is the size of all fields with 32 bytes added for each (RFC 9113 §6.5.2); above that, or with more than 1,000 fields, the client gets 431, and above four times the size the connection ends."
                ),
                KeyDescription(
                    "compression_memory", .size(0...(1 << 40)), .size(defaults.compressionMemory),
                    "Memory of all zlib state; see [compression](#compression)."),
                KeyDescription(
                    "event_loops", .number(0...1024), .number(defaults.eventLoops),
                    zero: "one for each core",
                    "Number of threads that serve connections; each serves its own connections. By default there is one for each core that the cgroup's quota or set of cores allows; the gateway ignores `taskset`. A change takes effect at the next start."
                ),
            ])
    }()

    static let log: KeySection = {
        let defaults = LogConfiguration()
        return KeySection(
            "log", "What the gateway logs, and how.",
            keys: [
                KeyDescription(
                    "level", .word(of: LogConfiguration.Level.self), .word(defaults.level),
                    "The gateway leaves out lines of lower levels."),
                KeyDescription(
                    "format", .word(of: LogConfiguration.Format.self), .text("`text` on a terminal, else `json`"),
                    "With `json` each line is an object; with `text` the lines are for people."),
                KeyDescription(
                    "access", .flag, .flag(defaults.access),
                    "The gateway writes a line when a WebSocket opens, when it ends, and when a plain request has been answered, at level `info`."
                ),
                KeyDescription(
                    "query", .flag, .flag(defaults.query),
                    "Lines about requests have the query too, which may contain secrets."),
                KeyDescription(
                    "sample", .share, .value(.share(defaults.sample)),
                    "The gateway writes this share of the lines of `access`; faults it always writes."),
                KeyDescription(
                    "redact",
                    .either([.list(of: .word(of: LogConfiguration.Field.self)), .mapping(.redact)]), .emptyList,
                    "The log does not show the values of these fields."),
            ])
    }()

    static let redact = KeySection(
        "log.redact", "What the log shows in place of the values of fields.",
        keys: LogConfiguration.Field.allCases.map { field in
            KeyDescription(
                field.rawValue, .word(of: LogConfiguration.Redaction.self), .text("shown"), field.text)
        })

    static let drain: KeySection = {
        let defaults = DrainConfiguration()
        return KeySection(
            "drain", "How a drain ends the open connections.",
            keys: [
                KeyDescription(
                    "delay", .anyDuration, .duration(defaults.delay),
                    "The time before the drain proper: `/readyz` says 503, and the gateway still serves new clients. Set it to the time that a load balancer needs to notice."
                ),
                KeyDescription(
                    "timeout", .anyDuration, .duration(defaults.timeout),
                    "The time from the end of `delay` to the moment when the gateway cuts the last connections."),
                KeyDescription(
                    "spread", .anyDuration,
                    .text("`\(DurationText.format(defaults.spread))`, or `timeout` if that is less"),
                    "The gateway sends the Closes evenly over this time, which is at most `timeout`."),
                KeyDescription("code", .oneNumber([1001, 1012]), .number(Int(defaults.code)), "The close code."),
            ])
    }()
}

extension LogConfiguration.Field {
    /// What the field has, in a sentence.
    fileprivate var text: String {
        switch self {
        case .client: "The address of the client."
        case .host: "The host that the client asked for."
        case .path: "The path of the request."
        case .query: "The query of the request."
        case .origin: "The `Origin` of the request."
        case .subprotocol: "The subprotocol that both sides agreed on."
        case .server: "The address of the server."
        case .reason: "The reason of a Close, of a refusal or of a failure."
        case .userAgent: "The `User-Agent` of the request."
        case .requestID: "The `X-Request-Id` of the request."
        case .traceID: "The trace of the request, from its `traceparent`."
        }
    }
}
