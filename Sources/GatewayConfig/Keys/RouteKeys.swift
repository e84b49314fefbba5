extension KeySection {
    static let route = KeySection(
        "routes", "A route says which requests it matches, and where they go.",
        choice: .exactlyOne(["upstream", "redirect", "respond", "command"]),
        companions: [
            "rewrite": "upstream", "http": "upstream", "max_body_size": "upstream", "max_requests": "upstream",
            "queue": "upstream",
        ],
        base: .defaults,
        keys: [
            KeyDescription(
                "name", .text(.itemName), .required,
                "The log, statistics and messages call the route by this name. Each name may stand only once."),
            KeyDescription(
                "match", .mapping(.match), .text("any request"),
                "Which requests take the route; see [match](#match)."),
            KeyDescription(
                "upstream", .text(.itemName),
                "WebSockets go to a server of the upstream of this name, and other requests too unless [`http`](#plain-http) is `off`."
            ),
            KeyDescription(
                "redirect", .either([.text(.location), .mapping(.redirect)]),
                "The gateway redirects every request to this location."),
            KeyDescription(
                "respond", .either([.number(FixedResponse.statuses), .mapping(.respond)]),
                "The gateway answers every request with this status, and with a body if there is one."),
            KeyDescription(
                "rewrite", .mapping(.rewrite), .text("none"),
                "Changes the path that the server sees; only with `upstream`."),
            KeyDescription(
                "command", .either([.list(of: .text(.anything), .atLeastOne), .mapping(.command)]),
                "The gateway starts a process of this program for each WebSocket; see [commands](#commands). Other requests get 426."
            ),
            .notSupportedYet("auth", "What a client must show before it is let in."),
            .notSupportedYet("subprotocols", "The subprotocols that clients may use."),
            .notSupportedYet("allow", "Networks whose clients may connect."),
            .notSupportedYet("deny", "Networks whose clients may not connect."),
        ])

    static let redirect = KeySection(
        "routes.redirect", "The answer that redirects every request.",
        keys: [
            KeyDescription(
                "to", .text(.location), .required, "The location, such as `https://example.com/` or `/path`."),
            KeyDescription(
                "status", .oneNumber([301, 302, 303, 307, 308]), .number(302), "The status of the answer."),
        ])

    static let respond = KeySection(
        "routes.respond", "The answer to every request.",
        keys: [
            KeyDescription(
                "status", .number(FixedResponse.statuses), .number(FixedResponse().status), "The status of the answer."),
            KeyDescription("body", .text(.anything), .text("none"), "The body of the answer."),
            KeyDescription(
                "content_type", .text(.mediaType), .text("`\(FixedResponse.usualContentType)`"),
                "The `Content-Type` of the body."),
            KeyDescription(
                "headers", .texts(names: .fieldName), .text("none"), "Further fields of the answer."),
        ])

    static let rewrite = KeySection(
        "routes.rewrite", "How the gateway changes the path that the server sees.",
        choice: .exactlyOne(["strip_prefix", "replace_prefix", "path"]),
        keys: [
            KeyDescription(
                "strip_prefix", .text(.urlPath),
                "The gateway removes this prefix. With `/chat`, `/chat/room?x=1` becomes `/room?x=1`."),
            KeyDescription(
                "replace_prefix", .mapping(.replacePrefix),
                "The gateway replaces a prefix. With `{ from: /chat, to: /v2 }`, `/chat/room?x=1` becomes `/v2/room?x=1`."
            ),
            KeyDescription(
                "path", .text(.urlPath),
                "The gateway replaces the whole path. With `/ws`, `/chat/room?x=1` becomes `/ws?x=1`."),
        ])

    static let replacePrefix = KeySection(
        "routes.rewrite.replace_prefix", "A prefix, and what takes its place.",
        keys: [
            KeyDescription("from", .text(.urlPath), .required, "The prefix that the gateway looks for."),
            KeyDescription("to", .text(.urlPath), .required, "The prefix that the server sees."),
        ])

    static let match = KeySection(
        "routes.match", "The conditions of a route. All that are given must hold.",
        choice: .atMostOne(["path", "path_prefix", "path_regex"]),
        keys: [
            KeyDescription(
                "hosts", .list(of: .text(.hostPattern), .atLeastOne), .text("any host"),
                "The host is one of these: `chat.example.com`, or `*.example.com` for every name below it, at any depth; without port."
            ),
            KeyDescription("path", .text(.urlPath), .text("any path"), "The path is equal to this one."),
            KeyDescription(
                "path_prefix", .text(.urlPath), .text("any path"),
                "The path is equal to this one or lies below it: `/chat` matches `/chat` and `/chat/x`, not `/chats`."),
            KeyDescription(
                "path_regex", .text(.regularExpression), .text("any path"),
                "This expression, of at most 1,024 bytes, matches the whole path in its normal form. A path over 2,048 bytes gets 414, unless a more specific route matches it."
            ),
            KeyDescription(
                "headers", .texts(names: .fieldName), .text("any fields"),
                "A field of each name has exactly that value."),
            KeyDescription(
                "query", .texts(names: .parameterName), .text("any query"),
                "A parameter of each name has exactly that value, percent-decoded."),
            KeyDescription(
                "subprotocols", .list(of: .text(.subprotocol), .atLeastOne), .text("any offer"),
                "The client offers one of these."),
            KeyDescription(
                "listeners", .list(of: .text(.itemName), .atLeastOne), .text("any listener"),
                "The request came in on one of these [listeners](#listeners)."),
        ])

    static let command = KeySection(
        "routes.command", "A program that the gateway starts for each WebSocket.",
        keys: [
            KeyDescription(
                "run", .list(of: .text(.anything), .atLeastOne), .required,
                "The program and its arguments, passed on without a shell. Sluice looks a name up in `PATH` when it reads the file; a path is relative to the file."
            ),
            KeyDescription(
                "framing", .word(of: CommandConfiguration.Framing.self), .word(CommandConfiguration.Framing.line),
                "How messages are told apart; see [messages and lines](#messages-and-lines)."),
            KeyDescription(
                "directory", .text(.folder), .text("the folder of the file"),
                "The working directory of the program, to which paths among its arguments are relative. The process enters it with the gateway's rights."
            ),
            KeyDescription(
                "environment", .texts(names: .variableName), .text("none"),
                "Variables in addition to [those of CGI](#what-a-command-is-told); they replace variables of the same name."
            ),
            KeyDescription(
                "user", .text(.account), .text("the gateway's"),
                "The user that the program runs as, with all groups of that user and none of the gateway's. The gateway must run as root, and needs `/usr/bin/setpriv` (util-linux), which replaces itself with the program."
            ),
            KeyDescription(
                "group", .text(.account), .text("that of `user`"), "The group that the program runs as."),
            KeyDescription(
                "kill_after", .anyDuration, .duration(CommandConfiguration.usualKillAfter),
                "The time between SIGTERM and SIGKILL."),
        ])
}
