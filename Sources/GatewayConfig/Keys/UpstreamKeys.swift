extension KeySection {
    static let upstream: KeySection = {
        let defaults = UpstreamConfiguration(name: "", servers: [])
        return KeySection(
            "upstreams", "An upstream is a group of servers among which the gateway balances.",
            keys: [
                KeyDescription(
                    "name", .text(.itemName), .required,
                    "Routes, the log and messages call the upstream by this name. Each name may stand only once."),
                KeyDescription(
                    "servers", .list(of: .mapping(.server), .atLeastOne), .required,
                    "The servers; each address may stand only once."),
                KeyDescription(
                    "protocol", .word(of: UpstreamConfiguration.ServerProtocol.self), .word(defaults.protocol),
                    "The HTTP version to the servers; see [HTTP/2 to servers](#http2-to-servers)."),
                KeyDescription(
                    "h2", .mapping(.upstreamHTTP2),
                    "Settings of shared connections; see [HTTP/2 to servers](#http2-to-servers)."),
                KeyDescription(
                    "http1", .mapping(.upstreamHTTP1),
                    "HTTP/1.1 connections that wait for their next request; see [idle connections](#idle-connections-to-servers)."
                ),
                KeyDescription(
                    "balance",
                    .either([.word(BalanceReader.words.map(\.word)), .mapping(.balance)]),
                    .value(defaults.balance.value),
                    "How the gateway chooses a server; see [choosing servers](#choosing-servers)."),
                KeyDescription(
                    "slow_start", .anyDuration, .duration(defaults.slowStart), zero: "at once",
                    "How long a new or recovered server takes to reach its full weight; see [choosing servers](#choosing-servers)."
                ),
                KeyDescription(
                    "sticky", .mapping(.sticky), .text("no cookie"),
                    "A cookie that brings clients back to their server; see [sticky cookies](#sticky-cookies)."),
                KeyDescription(
                    "tls", .mapping(.upstreamTLS), .text("cleartext"),
                    "TLS to the servers; `{}` for the defaults; see [TLS to servers](#tls-to-servers)."),
                KeyDescription(
                    "connect_timeout", .positiveDuration, .duration(defaults.connectTimeout),
                    "How long a connection to a server may take, over all its addresses and with the lookup of its name. Over HTTP/2 the gateway allows the same time again for TLS and the server's SETTINGS."
                ),
                KeyDescription(
                    "response_timeout", .positiveDuration,
                    .text(
                        "`\(DurationText.format(defaults.responseTimeout))`, "
                            + "`\(DurationText.format(defaults.plainResponseTimeout))` for plain HTTP"),
                    "How long a server may take from the upgrade or extended CONNECT to its answer, or from the end of a plain request to the head of its answer; then the client gets 504. The default for plain HTTP is longer because the answer to a long-poll has no head until there is news. A value that you set applies to both."
                ),
                KeyDescription(
                    "retries", .number(0...10), .number(defaults.retries),
                    "How many further tries the gateway makes when a connection fails or an HTTP/2 server refuses a stream. It tries each server once; a server that refused a stream gets another try if there is no other server."
                ),
                KeyDescription(
                    "health_check", .mapping(.healthCheck), .text("none"),
                    "How the gateway checks its servers; see [health checks](#health-checks)."),
                KeyDescription(
                    "dns_refresh", .positiveDuration, .duration(defaults.dnsRefresh),
                    "How often the gateway looks names up; see [servers by name](#servers-by-name). A handshake that needs a name which is unknown or has no address also looks it up, at most once a second."
                ),
                KeyDescription(
                    "host", .text(.sentHost), .value(.text("client")),
                    "Which `Host` (`:authority` over HTTP/2) the servers get. `client` is the client's. `upstream` is the server's own address as it stands in `servers`, without the default port, or `localhost` for a unix socket. Any other host is always sent as it is, such as `chat.internal` or `chat.internal:8443`. A `Host` that the route sets takes precedence. `X-Forwarded-Host` always has the client's. A server's redirect to its own host goes on unchanged."
                ),
                KeyDescription(
                    "proxy_protocol", .word(of: SentProxyProtocol.self), .word(defaults.proxyProtocol),
                    "Each connection to a server begins with a PROXY header of this version, before TLS; see [PROXY protocol to servers](#proxy-protocol-to-servers)."
                ),
                KeyDescription(
                    "source", .list(of: .text(.ipAddress), .distinct), .emptyList,
                    "Addresses of this machine to connect from; see [source addresses](#source-addresses)."),
            ])
    }()

    static let server: KeySection = {
        let defaults = ServerConfiguration(address: .unix(path: ""))
        return KeySection(
            "upstreams.servers", "A server of an upstream.",
            keys: [
                KeyDescription(
                    "address", .text(.serverAddress), .required,
                    "The gateway connects to this address; its port is 1 to 65535. A name stands for [all its addresses](#servers-by-name); the other keys then apply to each of them."
                ),
                KeyDescription(
                    "weight", .number(1...1000), .number(defaults.weight), "The server's share of the connections."),
                KeyDescription(
                    "max_connections", .number(0...10_000_000), .number(defaults.maxConnections), zero: "no cap",
                    "How many WebSockets the server may have, no matter which connections they share. Clients get 503 when every server is at its cap."
                ),
                KeyDescription(
                    "priority", .number(0...100), .number(defaults.priority),
                    "The server's group. The gateway uses a group only when no server of an earlier group accepts connections; see [choosing servers](#choosing-servers)."
                ),
                KeyDescription(
                    "state", .word(of: ServerConfiguration.State.self), .word(defaults.state),
                    "A server that is `draining` or `down` gets no new WebSockets. A reload closes those it has: with `draining` as [`drain`](#drain) says, with `down` at once. `check` warns if no server of an upstream is `active`."
                ),
            ])
    }()

    static let balance = KeySection(
        "upstreams.balance", "A method of choosing a server that has settings of its own.",
        keys: [
            KeyDescription("hash", .mapping(.hash), .required, "A part of the request selects the server.")
        ])

    static let hash = KeySection(
        "upstreams.balance.hash", "How a part of the request selects the server.",
        keys: [
            KeyDescription("on", .text(.hashSource), .required, "The part of the client's request that is the key.")
        ])

    static let upstreamHTTP1: KeySection = {
        let defaults = UpstreamHTTP1()
        return KeySection(
            "upstreams.http1", "HTTP/1.1 connections to each server that wait for their next request.",
            keys: [
                KeyDescription(
                    "max_idle", .number(0...10_000), .number(defaults.maxIdle),
                    zero: "none, each request opens its own",
                    "How many connections each event loop (`limits.event_loops`) keeps to each server."),
                KeyDescription(
                    "idle_timeout", .positiveDuration, .duration(defaults.idleTimeout),
                    "How long the gateway keeps one; best less than the server's own timeout."),
            ])
    }()

    static let upstreamHTTP2: KeySection = {
        let defaults = UpstreamHTTP2()
        return KeySection(
            "upstreams.h2", "HTTP/2 connections to each server that WebSockets and requests share.",
            keys: [
                KeyDescription(
                    "max_connections", .number(1...100), .number(defaults.maxConnections),
                    "How many shared connections there may be."),
                KeyDescription(
                    "max_streams", .number(1...100_000), .number(defaults.maxStreams),
                    "How many streams (WebSockets and plain requests) one connection may have. The server's `MAX_CONCURRENT_STREAMS` counts if it is lower."
                ),
                KeyDescription(
                    "ping_interval", .anyDuration, .duration(defaults.pingInterval), zero: "none",
                    "The gateway sends a PING when a connection has brought nothing from the server for this long."),
                KeyDescription(
                    "ping_timeout", .positiveDuration, .duration(defaults.pingTimeout),
                    "If nothing comes for this long after the PING, the gateway cuts the connection, and its WebSockets end with 1011."
                ),
                KeyDescription(
                    "idle_timeout", .positiveDuration, .duration(defaults.idleTimeout),
                    "The gateway closes a connection that has had no stream for this long."),
            ])
    }()

    static let upstreamTLS = KeySection(
        "upstreams.tls", "How the gateway speaks TLS with the servers.",
        companions: ["certificate": "private_key", "private_key": "certificate"],
        keys: [
            KeyDescription(
                "server_name", .text(.serverName), .text("the server's host"),
                "The name that the certificate must have. The gateway sends a name as SNI, without a trailing dot (RFC 6066 §3); it does not send an address."
            ),
            KeyDescription(
                "ca", .text(.path), .text("the system's authorities"), "A PEM file of the authorities to trust."),
            KeyDescription("verify", .flag, .flag(UpstreamTLS().verify), "`false` trusts any certificate."),
            KeyDescription(
                "certificate", .text(.path), .text("none"),
                "A PEM file, for servers that ask for a certificate: a chain that begins with the gateway's own certificate. It needs `private_key` beside it."
            ),
            KeyDescription(
                "private_key", .text(.path), .text("none"),
                "A PEM file of the key of `certificate`, which must stand beside it."),
        ])
}
