extension KeySection {
    /// What `defaults` and a route both can set.
    static let defaults: KeySection = {
        let defaults = RouteSettings()
        return KeySection(
            "defaults", "These settings apply to every route. A route overrides each one with its own value.",
            keys: [
                KeyDescription(
                    "origins", .list(of: .text(.origin), .atLeastOne), .text("any"),
                    "Pages of other [origins](#origins) get 403."),
                KeyDescription(
                    "missing_origin", .word(of: RouteSettings.MissingOrigin.self), .word(defaults.missingOrigin),
                    "Whether a client may send no `Origin`, or an empty one; `deny` without `origins` requires any origin."
                ),
                KeyDescription(
                    "max_connections", .number(0...10_000_000), .number(defaults.maxConnections), zero: "no cap",
                    "WebSockets of one route; further ones get 503."),
                KeyDescription(
                    "max_connections_per_ip", .number(0...10_000_000), .number(defaults.maxConnectionsPerIP),
                    zero: "no cap", "WebSockets of one route and client address; further ones get 503."),
                KeyDescription(
                    "http", .onOff, .onOff(defaults.http),
                    "With `on`, [requests that are not for WebSockets](#plain-http) go to the upstream too; with `off` they get 426."
                ),
                KeyDescription(
                    "max_body_size", .size(0...(1 << 40)), .size(defaults.maxBodySize), zero: "no cap",
                    "Size of the body of such a request; above that the client gets 413."),
                KeyDescription(
                    "max_requests", .number(0...10_000_000), .number(defaults.maxRequests), zero: "no cap",
                    "How many such requests may be in progress at once. Further ones get 503, or wait in the `queue`."),
                KeyDescription(
                    "queue", .either([.off, .mapping(.queue)]), .onOff(false),
                    "Clients wait here while a cap is reached; see [queue](#queue)."),
            ], session,
            [
                KeyDescription(
                    "compression",
                    .either([.word(of: CompressionSettings.Mode.self), .mapping(.compression)]),
                    .word(defaults.session.compression.mode), "See [compression](#compression)."),
                KeyDescription(
                    "request_headers", .mapping(.headerEdits), .text("none"),
                    "Changes to the fields of requests to the server."),
                KeyDescription(
                    "response_headers", .mapping(.headerEdits), .text("none"),
                    "Changes to the fields of the `101` or `200`, of a server's refusal and of the answer of `respond`."
                ),
                KeyDescription(
                    "on_change", .mapping(.onChange),
                    "What happens to open WebSockets [when the configuration changes](#when-the-configuration-changes)."
                ),
                KeyDescription(
                    "legacy_versions", .list(of: .word(of: LegacyVersion.self), .distinct), .emptyList,
                    "Clients of these [drafts from before RFC 6455](#legacy_versions) are let in; clients of other drafts get 426."
                ),
                .notSupportedYet("rate", "A cap on the messages and bytes of a client."),
                .notSupportedYet("slow_consumer", "What happens to a client that does not read."),
            ])
    }()

    private static var session: [KeyDescription] {
        let defaults = SessionSettings()
        return [
            KeyDescription(
                "max_message_size", .size(1...(1 << 31)), .size(defaults.maxMessageSize),
                "Payload of a message after decompression; a longer one closes the WebSocket with 1009."),
            KeyDescription(
                "idle_timeout", .anyDuration, .duration(defaults.idleTimeout), zero: "never",
                "If neither side sends a frame for this long, both get 1001. The gateway's pings and the answers to them do not count."
            ),
            KeyDescription(
                "max_lifetime", .anyDuration, .duration(defaults.maxLifetime), zero: "no limit",
                "How long a WebSocket may be open; then both sides get 1001."),
            KeyDescription(
                "ping_interval", .anyDuration, .duration(defaults.pingInterval), zero: "none",
                "The gateway sends a WebSocket ping to a side that has sent nothing for this long; over HTTP/2 it pings on that stream."
            ),
            KeyDescription(
                "pong_timeout", .positiveDuration, .duration(defaults.pongTimeout),
                "The gateway gives up a side that stays silent for this long after such a ping, or that accepts no data for `ping_interval` and this time together. The client then gets 1011, or the server 1001."
            ),
            KeyDescription(
                "close_timeout", .positiveDuration, .duration(defaults.closeTimeout),
                "How long the gateway waits for the answer to a Close; then it cuts both connections."),
            KeyDescription(
                "validate_utf8", .flag, .flag(defaults.validateUTF8),
                "Text that is not UTF-8 closes the WebSocket with 1007."),
        ]
    }

    static let queue: KeySection = {
        let defaults = QueueConfiguration()
        return KeySection(
            "defaults.queue", "Where clients wait while a cap is reached.",
            keys: [
                KeyDescription(
                    "size", .number(1...100_000), .number(defaults.size),
                    "How many clients of this route may wait at once. The waits for `max_connections`, for `max_requests` and for a server count separately; further clients get 503."
                ),
                KeyDescription(
                    "timeout", .positiveDuration, .duration(defaults.timeout),
                    "How long each may wait; then it gets 503."),
            ])
    }()

    static let compression: KeySection = {
        let defaults = CompressionSettings()
        return KeySection(
            "defaults.compression", "Compression with permessage-deflate (RFC 7692).",
            keys: [
                KeyDescription(
                    "mode", .word(of: CompressionSettings.Mode.self), .word(defaults.mode),
                    "With `terminate` the gateway negotiates permessage-deflate with the client, and compresses and inflates itself. With `passthrough` client and server negotiate with each other; the gateway checks offers and answer, inflates a copy of each message to check size and UTF-8, and passes messages on unchanged. With `off` nobody negotiates compression."
                ),
                KeyDescription(
                    "window_bits", .number(9...15), .number(defaults.windowBits),
                    "LZ77 window for compression; the gateway also asks for it from clients that accept such a request."
                ),
                KeyDescription("memory_level", .number(1...9), .number(defaults.memoryLevel), "The memLevel of zlib."),
                KeyDescription(
                    "level", .number(1...9), .number(defaults.level),
                    "The level of zlib: 1 takes the least CPU, 9 gives the smallest messages. Messages with 6 are within 1 % of the size with 9."
                ),
                KeyDescription(
                    "context_takeover", .flag, .flag(defaults.contextTakeover),
                    "With `false` neither side keeps compression state between messages."),
                KeyDescription(
                    "threshold", .size(0...(1 << 31)), .size(defaults.threshold),
                    "The gateway does not compress shorter messages."),
                KeyDescription(
                    "max_ratio", .number(0...1_000_000), .number(defaults.maxRatio), zero: "no limit",
                    "A message that has inflated to more than 64 KiB and to more than this many times its compressed size closes the WebSocket with 1009."
                ),
                KeyDescription(
                    "upstream", .onOff, .onOff(defaults.upstream),
                    "With `on` and `terminate` the gateway offers permessage-deflate to the server as well."),
            ])
    }()

    /// Of `request_headers` and `response_headers`.
    static let headerEdits = KeySection(
        "defaults.headers", "Changes to the fields of requests or of responses.",
        keys: [
            KeyDescription(
                "set", .texts(names: .fieldName), .text("none"), "Fields to replace or to add, after `remove`."),
            KeyDescription("remove", .list(of: .text(.fieldName)), .emptyList, "Names of fields to remove."),
        ])

    static let onChange: KeySection = {
        let defaults = OnChange()
        return KeySection(
            "defaults.on_change", "What a reload does to open WebSockets.",
            keys: [
                KeyDescription(
                    "changed", .word(of: ChangeAction.self), .word(defaults.changed),
                    "For WebSockets whose route changes or leads elsewhere."),
                KeyDescription(
                    "removed", .word(of: ChangeAction.self), .word(defaults.removed),
                    "For WebSockets whose route or server is removed."),
            ])
    }()
}
