extension KeySection {
    static let listener: KeySection = {
        let defaults = ListenerConfiguration(name: "", address: .unix(path: ""))
        return KeySection(
            "listeners", "A listener is an address on which the gateway accepts clients.",
            keys: [
                KeyDescription(
                    "name", .text(.itemName), .required,
                    "The log and messages call the listener by this name. Each name may stand only once."),
                KeyDescription(
                    "address", .text(.listeningAddress), .required,
                    "The gateway listens here. Each address may stand only once, that of `admin` included."),
            ], KeyDescription.socketAccess,
            [
                KeyDescription(
                    "tls", .mapping(.listenerTLS), .text("cleartext"), "TLS for the clients; see [tls](#listeners)."),
                KeyDescription(
                    "protocols", .list(of: .word(of: ApplicationProtocol.self), [.atLeastOne, .distinct]),
                    .value(.texts(defaults.protocols.map(\.rawValue))),
                    "ALPN offers these protocols, the preferred one first; see [HTTP versions](#http-versions)."),
                KeyDescription(
                    "websocket_over_http2", .flag, .flag(defaults.websocketOverHTTP2),
                    "`false` turns off RFC 8441: HTTP/2 stays on, and WebSockets must use HTTP/1.1."),
                KeyDescription("h2", .mapping(.listenerHTTP2), "Settings of HTTP/2 connections of clients."),
                KeyDescription(
                    "proxy_protocol", .flag, .flag(defaults.proxyProtocol),
                    "Connections of `trusted_proxies` must begin with a [PROXY header](#the-proxy-protocol), version 1 or 2."
                ),
                KeyDescription(
                    "trusted_proxies", .list(of: .text(.addressBlock)), .emptyList,
                    "The gateway believes the PROXY header, `X-Forwarded-*`, `Forwarded` and `X-Request-Id` of these peers, such as `[\"10.0.0.0/8\", \"::1\"]`."
                ),
                KeyDescription(
                    "via", .onOff, .onOff(defaults.via),
                    "With `on` the gateway adds `Via` (RFC 9110 §7.6.3) to requests, with a name that the process makes for itself, and refuses a request that comes back to it with 508. With `off` it does neither."
                ),
                KeyDescription(
                    "underscores", .word(of: Underscores.self), .word(defaults.underscores),
                    "What happens to [ambiguous field names](#ambiguous-field-names)."),
                KeyDescription(
                    "encoded_slashes", .word(of: EncodedSlashes.self), .word(defaults.encodedSlashes),
                    "Whether a path may have `%2F` and `%5C`; [`reject`](#how-paths-are-compared) answers 400."),
                .notSupportedYet("allow", "Networks whose clients may connect."),
                .notSupportedYet("deny", "Networks whose clients may not connect."),
            ])
    }()

    static let listenerHTTP2 = KeySection(
        "listeners.h2", "Settings of HTTP/2 connections of clients.",
        keys: [
            KeyDescription(
                "max_streams", .number(1...100_000),
                .number(ListenerConfiguration(name: "", address: .unix(path: "")).maxStreams),
                "A client may have this many streams open on one HTTP/2 connection; further streams get `REFUSED_STREAM`."
            )
        ])

    static let listenerTLS: KeySection = {
        let defaults = ListenerTLS(certificates: [])
        let ciphers = CipherSuite.allCases.map(\.rawValue) + CipherSuite.allCases.map(\.registeredName)
        return KeySection(
            "listeners.tls", "How the gateway speaks TLS with the clients of a listener.",
            keys: [
                KeyDescription(
                    "certificates", .list(of: .mapping(.listenerCertificate), .atLeastOne), .required,
                    "Certificates with their keys. The first one is the default; the server name that a client asks for chooses among them."
                ),
                KeyDescription(
                    "minimum_version", .word(of: TLSVersion.self), .word(defaults.minimumVersion),
                    "The oldest TLS version that a client may use."),
                KeyDescription(
                    "ciphers", .list(of: .word(ciphers), .distinct), .text("ECDHE with AES-GCM and ChaCha20"),
                    "The cipher suites of TLS 1.2, the preferred one first, by [their names](#cipher-suites-and-groups). The suites of TLS 1.3 are always all on offer."
                ),
                KeyDescription(
                    "groups", .list(of: .word(of: KeyExchangeGroup.self), .distinct),
                    .text("the first four, in this order"), "The groups of the key exchange, the preferred one first."),
                KeyDescription(
                    "ticket_keys", .text(.path), .text("the process makes them"),
                    "A file with the keys that encrypt [session tickets](#session-resumption), which several instances can share."
                ),
                KeyDescription(
                    "client_ca", .text(.path), .text("no client certificates"),
                    "A PEM file of authorities. If it is given, every client must show a certificate that one of them has signed."
                ),
            ])
    }()

    static let listenerCertificate = KeySection(
        "listeners.tls.certificates", "A certificate and its key.",
        keys: [
            KeyDescription(
                "certificate", .text(.path), .required,
                "A PEM file of the chain, which begins with the server's certificate."),
            KeyDescription(
                "private_key", .text(.path), .required,
                "A PEM file of the certificate's key without a passphrase (RSA, P-256, P-384, P-521, Ed25519)."),
            KeyDescription(
                "ocsp", .text(.path), .text("none"),
                "A file with an OCSP response (DER) for the certificate. Clients that ask for it get it (RFC 6066 §8)."),
        ])
}

extension KeyDescription {
    /// Beside the address of a unix socket.
    static let socketAccess = [
        KeyDescription(
            "mode", .text(.mode), .text("by the umask"),
            "Permissions of the file of a unix socket, such as `\"0660\"`, from `\"0000\"` to `\"0777\"`. A process that may write to the file may connect."
        ),
        KeyDescription(
            "owner", .text(.account), .text("the process's"),
            "The owner of the file of a unix socket. The system must know the name."),
        KeyDescription(
            "group", .text(.account), .text("the process's"),
            "The group of the file of a unix socket. The system must know the name."),
    ]
}
