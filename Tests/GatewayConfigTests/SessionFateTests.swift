import GatewayConfig
import Testing

@Suite("What becomes of a WebSocket that is open")
struct SessionFateTests {
    /// A WebSocket of the route `chat` on `s:1`, unless it says otherwise.
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// Of `comparedFile`, before and after.
        var old: [(String, String)] = []
        var new: [(String, String)] = []
        var route = "chat"
        var upstream = "chat"
        var server: Address = .tcp(host: "s", port: 1)
        /// Of route `chat`, in each file where it does not replace it.
        var onChange = "changed: close, removed: drain"
        var expected: ChangeAction

        var testDescription: String { name }
    }

    static let gone = (
        "- { name: chat, match: { path_prefix: /chat }, upstream: chat, on_change: { changed: keep, removed: drain } }",
        ""
    )
    static let elsewhere = ("upstream: chat", "upstream: mqtt")
    static let withoutServer = ("{ address: \"s:1\" }, ", "")
    static let draining = ("address: \"s:1\"", "address: \"s:1\", state: draining")
    static let down = ("address: \"s:1\"", "address: \"s:1\", state: down")

    static let ofRoutes: [Row] = [
        Row(name: "nothing changes", onChange: "changed: close, removed: close", expected: .keep),
        Row(name: "another route is changed", new: [("idle_timeout: 2m", "idle_timeout: 3m")], expected: .keep),
        Row(name: "another route is removed", new: [("- { name: page, respond: 200 }", "")], expected: .keep),
        Row(
            name: "a route is added above",
            new: [("routes:", "routes:\n  - { name: a, match: { path: /a }, respond: 200 }")],
            expected: .keep),
        Row(name: "its listener is changed", new: [("127.0.0.1:1\"", "127.0.0.1:9\"")], expected: .keep),
        Row(
            name: "its listener is removed", new: [("- { name: public, address: \"127.0.0.1:1\" }", "")],
            expected: .keep),
        Row(
            name: "sections change",
            new: [
                ("hunter2", "x"), ("timeout: 30s", "timeout: 0s"), ("level: info", "level: error"),
                ("limits: { max_connections: 10 }", "limits: { max_connections: 1 }"),
            ],
            onChange: "changed: close, removed: close", expected: .keep),
        Row(name: "route gone, drain", new: [gone], onChange: "changed: keep, removed: drain", expected: .drain),
        Row(name: "route gone, close", new: [gone], onChange: "changed: keep, removed: close", expected: .close),
        Row(name: "route gone, keep", new: [gone], onChange: "changed: close, removed: keep", expected: .keep),
        Row(
            name: "route gone, as defaults said", old: [(", on_change: { changed: keep, removed: drain }", "")],
            new: [
                (
                    "- { name: chat, match: { path_prefix: /chat }, upstream: chat, on_change: { changed: keep, removed: drain } }",
                    ""
                )
            ],
            expected: .drain),
        Row(
            name: "other drafts are accepted",
            new: [("upstream: chat, on_change", "upstream: chat, legacy_versions: [8], on_change")],
            onChange: "changed: close, removed: close", expected: .keep),
        Row(
            name: "path changed, keep", new: [("/chat", "/c")], onChange: "changed: keep, removed: close",
            expected: .keep),
        Row(
            name: "path changed, drain", new: [("/chat", "/c")], onChange: "changed: drain, removed: close",
            expected: .drain),
        Row(
            name: "path changed, close", new: [("/chat", "/c")], onChange: "changed: close, removed: keep",
            expected: .close),
        Row(
            name: "the new route says what changing means",
            old: [("changed: keep", "changed: close")], new: [("/chat", "/c"), ("changed: keep", "changed: drain")],
            onChange: "", expected: .drain),
        Row(
            name: "defaults change a session setting", new: [("idle_timeout: 1m", "idle_timeout: 3m")], expected: .close
        ),
        Row(name: "origins", new: [(elsewhere.0, "upstream: chat, origins: [\"https://a\"]")], expected: .close),
        Row(
            name: "caps", new: [("upstream: chat", "upstream: chat, max_connections: 1, max_connections_per_ip: 1")],
            expected: .keep),
        Row(
            name: "what becomes of other requests, and who waits",
            new: [
                (
                    "upstream: chat",
                    "upstream: chat, http: off, max_body_size: 1, max_requests: 1, queue: { size: 1 }"
                )
            ], onChange: "changed: close, removed: close", expected: .keep),
        Row(
            name: "on_change alone", old: [("changed: keep, removed: drain", "changed: close, removed: close")],
            new: [("removed: drain", "removed: keep")], onChange: "", expected: .keep),
        Row(
            name: "caps and something else",
            new: [("upstream: chat", "upstream: chat, max_connections: 1, validate_utf8: false")], expected: .close),
        Row(name: "a redirect now", new: [("upstream: chat", "redirect: /x")], expected: .close),
        Row(
            name: "unknown route", new: [gone, withoutServer], route: "older",
            onChange: "changed: close, removed: close",
            expected: .keep),
        Row(
            name: "unknown to the old file, known to the new one", old: [("name: chat, match", "name: older, match")],
            new: [withoutServer, ("name: chat, servers", "name: chat, protocol: h2, servers")],
            onChange: "changed: close, removed: close", expected: .keep),
    ]

    static let ofUpstreams: [Row] = [
        Row(
            name: "another upstream is changed", new: [("name: mqtt, servers", "name: mqtt, protocol: h2, servers")],
            expected: .keep),
        Row(name: "server gone, drain", new: [withoutServer], expected: .drain),
        Row(
            name: "server gone, close", new: [withoutServer], onChange: "changed: keep, removed: close",
            expected: .close),
        Row(
            name: "server gone, keep", new: [withoutServer], onChange: "changed: close, removed: keep", expected: .keep),
        Row(
            name: "the new route says what removing means", old: [("removed: drain", "removed: keep")],
            new: [withoutServer, ("removed: drain", "removed: close")], onChange: "", expected: .close),
        Row(
            name: "server and route gone", new: [gone, withoutServer], onChange: "changed: keep, removed: close",
            expected: .close),
        Row(
            name: "server and route gone, keep", new: [gone, withoutServer],
            onChange: "changed: close, removed: keep", expected: .keep),
        Row(name: "another server gone", new: [(", { address: \"s:2\" }", "")], expected: .keep),
        Row(
            name: "a server of that address is elsewhere",
            new: [("s:1", "s:9"), ("unix:/run/mqtt", "s:1")], expected: .drain),
        Row(
            name: "upstream gone", new: [elsewhere, ("name: chat, servers", "name: other, servers")],
            onChange: "changed: keep, removed: close", expected: .close),
        Row(
            name: "upstream gone, keep what is removed",
            new: [elsewhere, ("name: chat, servers", "name: other, servers")],
            onChange: "changed: drain, removed: keep", expected: .drain),
        Row(
            name: "the route leads elsewhere", new: [elsewhere], onChange: "changed: drain, removed: close",
            expected: .drain),
        Row(
            name: "the route leads elsewhere, keep", new: [elsewhere], onChange: "changed: keep, removed: close",
            expected: .keep),
        Row(
            name: "opened before the route led where it leads", upstream: "mqtt", server: .unix(path: "/run/mqtt"),
            onChange: "changed: close, removed: close", expected: .keep),
        Row(
            name: "the server it was opened to before that is gone", new: [("unix:/run/mqtt", "unix:/run/x")],
            upstream: "mqtt", server: .unix(path: "/run/mqtt"), onChange: "changed: keep, removed: close",
            expected: .close),
        Row(
            name: "the server was gone already", old: [withoutServer], new: [withoutServer],
            onChange: "changed: close, removed: close", expected: .keep),
        Row(
            name: "tls", new: [("name: chat, servers", "name: chat, tls: {}, servers")],
            onChange: "changed: close, removed: keep", expected: .close),
        Row(
            name: "protocol", new: [("name: chat, servers", "name: chat, protocol: h2, servers")],
            onChange: "changed: drain, removed: keep", expected: .drain),
        Row(
            name: "h2", new: [("name: chat, servers", "name: chat, h2: { max_streams: 5 }, servers")],
            onChange: "changed: close, removed: keep", expected: .close),
        Row(
            name: "host", new: [("name: chat, servers", "name: chat, host: upstream, servers")],
            onChange: "changed: close, removed: keep", expected: .close),
        Row(
            name: "proxy_protocol", new: [("name: chat, servers", "name: chat, proxy_protocol: v2, servers")],
            onChange: "changed: close, removed: keep", expected: .close),
        Row(
            name: "source", new: [("name: chat, servers", "name: chat, source: [127.0.0.2], servers")],
            onChange: "changed: close, removed: keep", expected: .close),
        Row(
            name: "connections that are kept for requests",
            new: [("name: chat, servers", "name: chat, http1: { max_idle: 0 }, servers")],
            onChange: "changed: close, removed: close", expected: .keep),
        Row(
            name: "protocol, keep", new: [("name: chat, servers", "name: chat, protocol: h2, servers")],
            onChange: "changed: keep, removed: close", expected: .keep),
        Row(
            name: "protocol, and the route gone",
            new: [gone, ("name: chat, servers", "name: chat, protocol: h2, servers")],
            onChange: "changed: close, removed: keep", expected: .keep),
        Row(
            name: "balance, retries and times",
            new: [
                ("name: chat, servers", "name: chat, balance: round_robin, retries: 0, connect_timeout: 1s, servers")
            ],
            expected: .keep),
        Row(
            name: "weight and cap", new: [("address: \"s:1\"", "address: \"s:1\", weight: 9, max_connections: 1")],
            onChange: "changed: close, removed: close", expected: .keep),
    ]

    static let ofServers: [Row] = [
        Row(name: "draining", new: [draining], onChange: "changed: keep, removed: keep", expected: .drain),
        Row(name: "down", new: [down], onChange: "changed: keep, removed: keep", expected: .close),
        Row(name: "draining, then down", old: [draining], new: [down], expected: .close),
        Row(name: "down, then draining", old: [down], new: [draining], expected: .drain),
        Row(name: "draining as before", old: [draining], new: [draining], expected: .keep),
        Row(name: "down as before", old: [down], new: [down], expected: .keep),
        Row(name: "active again", old: [down], expected: .keep),
        Row(name: "another server", new: [("\"s:2\"", "\"s:2\", state: down")], expected: .keep),
        Row(
            name: "draining, for a route that is kept", new: [draining, gone],
            onChange: "changed: keep, removed: keep", expected: .drain),
        Row(
            name: "draining, for a route that closes", new: [draining, gone],
            onChange: "changed: keep, removed: close", expected: .close),
        Row(name: "down, for a route of an older file", new: [down], route: "older", expected: .close),
        Row(name: "down, back in the file", old: [withoutServer], new: [down], expected: .close),
        Row(
            name: "of the same address in another upstream", old: [("unix:/run/mqtt", "s:1")],
            new: [("unix:/run/mqtt\"", "s:1\", state: down")], onChange: "changed: close, removed: close",
            expected: .keep),
    ]

    @Test(arguments: ofRoutes + ofUpstreams + ofServers)
    func isTheSeverestOfWhatApplies(row: Row) throws {
        func configuration(_ replacements: [(String, String)]) throws -> GatewayConfiguration {
            var text = comparedFile
            for (old, new) in replacements {
                try #require(text.contains(old), "nothing to replace: \(old)")
                text = text.replacing(old, with: new)
            }
            if !row.onChange.isEmpty { text = text.replacing("changed: keep, removed: drain", with: row.onChange) }
            return try parse(text)
        }
        let difference = ConfigurationDifference(from: try configuration(row.old), to: try configuration(row.new))
        #expect(difference.fate(route: row.route, upstream: row.upstream, server: row.server) == row.expected)
    }

    @Test func actionsAreComparedBySeverity() {
        #expect(ChangeAction.allCases.sorted() == [.keep, .drain, .close])
        #expect(max(ChangeAction.drain, .close) == .close)
        #expect(max(ChangeAction.drain, .keep) == .drain)
    }

    @Test(
        arguments: [
            ("[/bin/cat]", "[/bin/cat]", ChangeAction.keep), ("[/bin/cat]", "[/bin/cat, -u]", .close),
            ("[/bin/cat]", "{ run: [/bin/cat], kill_after: 1s }", .close),
            ("{ run: [/bin/cat] }", "[/bin/cat]", .keep),
        ])
    func aCommandIsPartOfItsRoute(old: String, new: String, expected: ChangeAction) throws {
        func file(_ command: String) throws -> GatewayConfiguration {
            try parse(
                "listeners: [{ name: l, address: \"a:1\" }]\n"
                    + "routes: [{ name: tool, command: \(command), on_change: { changed: close, removed: drain } }]")
        }
        #expect(ConfigurationDifference(from: try file(old), to: try file(new)).fate(route: "tool") == expected)
        #expect(ConfigurationDifference(from: try file(old), to: try file(new)).fate(route: "other") == .keep)
    }

    @Test func aCommandGoesWithItsRoute() throws {
        let start = "listeners: [{ name: l, address: \"a:1\" }]\nroutes: [{ name: tool, "
        let old = try parse(start + "command: [/bin/cat], on_change: { removed: drain } }]")
        let new = try parse(start.replacing("tool", with: "page") + "respond: 200 }]")
        #expect(ConfigurationDifference(from: old, to: new).fate(route: "tool") == .drain)
    }
}
