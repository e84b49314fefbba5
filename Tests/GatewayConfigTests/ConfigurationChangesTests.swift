import Foundation
import GatewayConfig
import Testing

/// Two routes to two upstreams; each test puts something else in the place of a part of it.
let comparedFile = """
    listeners:
      - { name: public, address: "127.0.0.1:1" }
      - { name: internal, address: "127.0.0.1:2" }
    admin: { address: "127.0.0.1:3", token: hunter2 }
    limits: { max_connections: 10 }
    defaults: { idle_timeout: 1m }
    routes:
      - { name: chat, match: { path_prefix: /chat }, upstream: chat, on_change: { changed: keep, removed: drain } }
      - { name: mqtt, match: { path_prefix: /mqtt }, upstream: mqtt, idle_timeout: 2m }
      - { name: page, respond: 200 }
    upstreams:
      - { name: chat, servers: [{ address: "s:1" }, { address: "s:2" }] }
      - { name: mqtt, servers: [{ address: "unix:/run/mqtt" }] }
    log: { level: info }
    drain: { timeout: 30s }
    """

/// `comparedFile` with the first text of each pair replaced by the second.
func compared(_ replacements: (String, String)...) throws -> GatewayConfiguration {
    var text = comparedFile
    for (old, new) in replacements {
        try #require(text.contains(old), "nothing to replace: \(old)")
        text = text.replacing(old, with: new)
    }
    return try parse(text)
}

@Suite("What one configuration changes in another")
struct ConfigurationChangesTests {
    typealias Names = ConfigurationDifference.Names

    /// What differs from no change at all.
    struct Row: Sendable, CustomTestStringConvertible {
        var from: String
        var to: String
        var listeners = Names(unchanged: ["internal", "public"])
        var routes = Names(unchanged: ["chat", "mqtt", "page"])
        var upstreams = Names(unchanged: ["chat", "mqtt"])
        var servers: [String: Names] = [:]
        var sections: [String] = []
        var restart: [String] = []
        var isEmpty = false

        var testDescription: String { "\(from) -> \(to)" }
    }

    @Test(arguments: [
        Row(from: "listeners:", to: "# a comment\nlisteners:", isEmpty: true),
        Row(
            from: "- { name: internal, address: \"127.0.0.1:2\" }", to: "",
            listeners: Names(removed: ["internal"], unchanged: ["public"])),
        Row(
            from: "127.0.0.1:2", to: "127.0.0.1:4", listeners: Names(changed: ["internal"], unchanged: ["public"])),
        Row(
            from: "name: internal", to: "name: inner",
            listeners: Names(added: ["inner"], removed: ["internal"], unchanged: ["public"])),
        Row(
            from: "idle_timeout: 1m", to: "idle_timeout: 3m",
            routes: Names(changed: ["chat", "page"], unchanged: ["mqtt"])),
        Row(
            from: "path_prefix: /chat", to: "path: /chat",
            routes: Names(changed: ["chat"], unchanged: ["mqtt", "page"])),
        Row(
            from: "removed: drain", to: "removed: keep", routes: Names(changed: ["chat"], unchanged: ["mqtt", "page"])),
        Row(
            from: "- { name: page, respond: 200 }", to: "",
            routes: Names(removed: ["page"], unchanged: ["chat", "mqtt"])),
        Row(
            from: "routes:\n", to: "routes:\n  - { name: a, match: { path: /a }, respond: 200 }\n",
            routes: Names(added: ["a"], unchanged: ["chat", "mqtt", "page"])),
        Row(
            from: "{ address: \"s:2\" }", to: "{ address: \"s:2\", weight: 2 }, { address: \"s:3\" }",
            upstreams: Names(changed: ["chat"], unchanged: ["mqtt"]),
            servers: ["chat": Names(added: ["s:3"], changed: ["s:2"], unchanged: ["s:1"])]),
        Row(
            from: "unix:/run/mqtt", to: "unix:/run/other", upstreams: Names(changed: ["mqtt"], unchanged: ["chat"]),
            servers: ["mqtt": Names(added: ["unix:/run/other"], removed: ["unix:/run/mqtt"])]),
        Row(
            from: "name: mqtt, servers", to: "name: mqtt, protocol: h2, servers",
            upstreams: Names(changed: ["mqtt"], unchanged: ["chat"])),
        Row(
            from: "upstreams:\n", to: "upstreams:\n  - { name: spare, servers: [{ address: \"s:1\" }] }\n",
            upstreams: Names(added: ["spare"], unchanged: ["chat", "mqtt"])),
        Row(from: "hunter2", to: "hunter3", sections: ["admin"]),
        Row(
            from: "{ address: \"127.0.0.1:3\"", to: "{ takeover_socket: /t, address: \"127.0.0.1:3\"",
            sections: ["admin"]),
        Row(from: "timeout: 30s", to: "delay: 1s", sections: ["drain"]),
        Row(from: "max_connections: 10", to: "max_connections: 11", sections: ["limits"]),
        Row(from: "max_connections: 10", to: "max_connections: 10, keep_alive_timeout: 5s", sections: ["limits"]),
        Row(
            from: "max_connections: 10", to: "max_connections: 10, event_loops: 2", sections: ["limits"],
            restart: ["limits.event_loops"]),
        Row(
            from: "upstream: chat", to: "upstream: chat, http: off",
            routes: Names(changed: ["chat"], unchanged: ["mqtt", "page"])),
        Row(
            from: "upstream: chat", to: "upstream: chat, queue: {}",
            routes: Names(changed: ["chat"], unchanged: ["mqtt", "page"])),
        Row(
            from: "name: mqtt, servers", to: "name: mqtt, http1: { max_idle: 0 }, servers",
            upstreams: Names(changed: ["mqtt"], unchanged: ["chat"])),
        Row(from: "level: info", to: "level: debug", sections: ["log"]),
    ])
    func isListedByName(row: Row) throws {
        let old = try compared()
        let new = try compared((row.from, row.to))
        let difference = ConfigurationDifference(from: old, to: new)
        #expect(difference.listeners == row.listeners)
        #expect(difference.routes == row.routes)
        #expect(difference.upstreams == row.upstreams)
        #expect(difference.servers == row.servers)
        #expect(difference.sections == row.sections)
        #expect(difference.restart == row.restart)
        #expect(difference.isEmpty == row.isEmpty)
        // The way back.
        let back = ConfigurationDifference(from: new, to: old)
        #expect(back.routes.added == row.routes.removed && back.routes.removed == row.routes.added)
        #expect(back.routes.changed == row.routes.changed && back.routes.unchanged == row.routes.unchanged)
        #expect(back.sections == row.sections)
        #expect(back.restart == row.restart)
    }

    /// Between routes that match alike the first wins, so an order is a value too.
    @Test(arguments: [
        ("abcde", "abcde", ""), ("abcde", "bcdea", "a"), ("abcde", "eabcd", "e"), ("abcde", "bacde", "a"),
        ("abcde", "acbed", "bd"), ("abcd", "dcba", "bcd"), ("abcde", "xaeybcd", "e"), ("abc", "", ""), ("", "abc", ""),
        ("abcd", "cb", "b"),
    ])
    func aRouteInAnotherPlaceIsChanged(old: String, new: String, moved: String) {
        func configuration(_ names: String) -> GatewayConfiguration {
            GatewayConfiguration(
                listeners: [], routes: names.map { RouteConfiguration(name: String($0), action: .upstream("u")) })
        }
        let difference = ConfigurationDifference(from: configuration(old), to: configuration(new))
        #expect(difference.routes.changed.count == moved.count)
        #expect(difference.isEmpty == (old == new))
        for route in old {
            let action = difference.fate(route: String(route), upstream: "u", server: .unix(path: "/s"))
            #expect(action == (new.contains(route) ? .keep : .drain))
        }
    }

    @Test func theOrderOfTheRestMeansNothing() throws {
        var new = try compared()
        new.listeners.reverse()
        new.upstreams.reverse()
        #expect(ConfigurationDifference(from: try compared(), to: new).isEmpty)
        new.upstreams[1].servers.reverse()
        let difference = ConfigurationDifference(from: try compared(), to: new)
        #expect(difference.servers == ["chat": Names(unchanged: ["s:1", "s:2"])])
    }

    @Test func isShownInALineForEachKind() throws {
        let old = try compared()
        #expect(ConfigurationDifference(from: old, to: old).text == "nothing changes")
        let new = try compared(
            ("- { name: page, respond: 200 }", ""), ("path_prefix: /chat", "path: /chat"), ("s:2", "s:3"),
            ("level: info", "level: debug"), ("timeout: 30s", "delay: 1s"), ("127.0.0.1:2", "127.0.0.1:4"))
        #expect(
            ConfigurationDifference(from: old, to: new).text == """
                listeners: 1 changed (internal), 1 unchanged
                routes: 1 changed (chat), 1 removed (page), 1 unchanged
                upstreams: 1 changed (chat), 1 unchanged
                servers of chat: 1 added (s:3), 1 removed (s:2), 1 unchanged
                sections: 2 changed (drain, log)
                """)
    }

    @Test func longListsAreCut() {
        var changes = ConfigurationChanges()
        changes.routes.added = (10..<20).map { "r\($0)" }
        #expect(changes.text == "routes: 10 added (r10, r11, r12, r13, r14, r15, r16, r17, r18, r19)")
        changes.routes.added = (10..<23).map { "r\($0)" }
        #expect(changes.text == "routes: 13 added (r10, r11, r12, r13, r14, r15, r16, r17, r18, r19 and 3 more)")
    }

    @Test func whatWaitsForTheNextStartIsNamed() {
        var changes = ConfigurationChanges()
        changes.restart = ["admin.address"]
        #expect(changes.text == "after a restart: 1 changed (admin.address)")
        #expect(!changes.isEmpty)
    }

    @Test func charactersThatNobodySeesAreEscaped() {
        var changes = ConfigurationChanges()
        changes.servers["u"] = Names(added: ["unix:/\u{202E}"])
        #expect(changes.text == #"servers of u: 1 added (unix:/\u202e)"#)
    }

    /// A client of the admin endpoint reads it again, to show it as the gateway would.
    @Test func isAnObjectOfJSON() throws {
        let difference = ConfigurationDifference(
            from: try compared(), to: try compared(("s:2", "s:3"), ("level: info", "level: debug")))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let encoded = try encoder.encode(difference)
        #expect(
            String(decoding: encoded, as: UTF8.self)
                == #"{"listeners":{"added":[],"changed":[],"removed":[],"unchanged":["internal","public"]},"#
                + #""restart":[],"routes":{"added":[],"changed":[],"removed":[],"unchanged":["chat","mqtt","page"]},"#
                + #""sections":["log"],"#
                + #""servers":{"chat":{"added":["s:3"],"changed":[],"removed":["s:2"],"unchanged":["s:1"]}},"#
                + #""upstreams":{"added":[],"changed":["chat"],"removed":[],"unchanged":["mqtt"]}}"#)
        #expect(try JSONDecoder().decode(ConfigurationChanges.self, from: encoded) == difference.changes)
    }
}
