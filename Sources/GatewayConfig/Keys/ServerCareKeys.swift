extension KeySection {
    static let healthCheck: KeySection = {
        let defaults = HealthCheck()
        let statuses = KeyKind.either([.number(FixedResponse.statuses), .text(.statusRange)])
        return KeySection(
            "upstreams.health_check", "How the gateway checks each server of an upstream at regular times.",
            keys: [
                KeyDescription(
                    "path", .text(.target), .text("with `websocket`: `/`"),
                    "The target of the request, sent as it is written; at most 2,048 bytes."),
                KeyDescription(
                    "status",
                    .called(
                        "status, range, or list of those", .either([statuses, .list(of: statuses, .atLeastOne)])),
                    .value(.texts(HealthCheck.defaultStatuses.map { "\($0.lowerBound)-\($0.upperBound)" })),
                    "Which statuses from 200 to 599 pass, such as `204`, `200-299` or `[200, 401-403]`; only with `path` alone."
                ),
                KeyDescription(
                    "host", .text(.host),
                    .text("`tls.server_name`, else the server's address, `localhost` on a unix socket"),
                    "The `Host` or `:authority` of the request."),
                KeyDescription(
                    "websocket", .flag, .flag(false), "Opens a real WebSocket instead of a GET."),
                KeyDescription(
                    "tcp", .flag, "`true` is the same as neither `path` nor `websocket`: a connection is all."),
                KeyDescription(
                    "interval", .duration(least: .milliseconds(100)), .duration(defaults.interval),
                    "The time from one check to the next, varied at random by up to a tenth."),
                KeyDescription(
                    "timeout", .positiveDuration, .duration(defaults.timeout),
                    "The time for a whole check: lookup, connection, TLS, answer."),
                KeyDescription(
                    "unhealthy_after", .number(1...100), .number(defaults.unhealthyAfter),
                    "After this many failures in a row a server is unhealthy."),
                KeyDescription(
                    "healthy_after", .number(1...100), .number(defaults.healthyAfter),
                    "After this many passes in a row it is healthy again."),
            ])
    }()

    static let sticky: KeySection = {
        let defaults = StickyConfiguration(cookie: "")
        return KeySection(
            "upstreams.sticky", "A cookie that brings clients back to their server.",
            keys: [
                KeyDescription(
                    "cookie", .text(.cookieName), .required,
                    "The cookie's name. Each upstream that one page uses needs its own."),
                KeyDescription(
                    "secret", .text(.anything), .text("none"),
                    "The key of the cookie's value. Without a secret, or with `\"\"`, the key is the upstream's name, and anyone who guesses name and address can tell which server a value names."
                ),
                KeyDescription(
                    "path", .text(.cookiePath), .value(.text(defaults.path)),
                    "Browsers send the cookie under this path."),
                KeyDescription(
                    "domain", .text(.hostName), .text("the request's host alone"),
                    "Browsers send the cookie under this domain."),
                KeyDescription(
                    "secure", .flag, .text("`true` if the listener has TLS or with `same_site: none`"),
                    "Browsers send the cookie only over TLS."),
                KeyDescription(
                    "http_only", .flag, .flag(defaults.httpOnly), "Scripts cannot read the cookie."),
                KeyDescription(
                    "same_site", .word(of: StickyConfiguration.SameSite.self), .text("the browser's"),
                    "Whether browsers send the cookie with requests from other sites; `none` needs `secure`."),
                KeyDescription(
                    "max_age", .positiveDuration, .text("until the browser is closed"),
                    "How long browsers keep the cookie after the latest WebSocket."),
            ])
    }()
}
