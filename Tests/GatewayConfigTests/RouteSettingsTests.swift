import GatewayConfig
import Testing

@Suite struct RouteSettingsTests {
    @Test func aRouteOverridesTheDefaultsKeyByKey() throws {
        let configuration = try parse(
            """
            listeners: [{ name: l, address: "a:1" }]
            upstreams: [{ name: u, servers: [{ address: "s:1" }] }]
            defaults:
              origins: ["https://a"]
              missing_origin: deny
              max_connections: 5
              idle_timeout: 1m
              ping_interval: 1s
              compression: { mode: off, window_bits: 9, level: 9, threshold: 0 }
              request_headers: { set: { X-A: 1 }, remove: [X-B] }
            routes:
              - { name: a, upstream: u }
              - name: b
                match: { path: /b }
                upstream: u
                origins: ["*"]
                idle_timeout: 2m
                compression: terminate
                request_headers: { remove: [] }
            """)
        let (first, second) = (configuration.routes[0], configuration.routes[1])
        #expect(first.origins == OriginPolicy(allowed: ["https://a"], allowMissing: false))
        #expect(second.origins == OriginPolicy(allowed: ["*"], allowMissing: false))
        #expect([first.maxConnections, second.maxConnections] == [5, 5])
        #expect(first.session.idleTimeout == .seconds(60))
        #expect(second.session.idleTimeout == .seconds(120))
        #expect(second.session.pingInterval == .seconds(1))
        #expect(first.session.compression.mode == .off)
        #expect(second.session.compression.mode == .terminate)
        #expect(second.session.compression.windowBits == 9)
        #expect(second.session.compression.level == 9)
        #expect(second.session.compression.threshold == 0)
        #expect(first.requestHeaders == HeaderEdits(set: ["x-a": "1"], remove: ["x-b"]))
        #expect(second.requestHeaders == HeaderEdits(set: ["x-a": "1"], remove: []))
    }

    @Test(arguments: [
        ("", OnChange(changed: .keep, removed: .drain)),
        ("on_change: {}", OnChange(changed: .keep, removed: .drain)),
        ("on_change: { changed: close }", OnChange(changed: .close, removed: .drain)),
        ("on_change: { removed: keep }", OnChange(changed: .keep, removed: .keep)),
        ("on_change: { changed: drain, removed: close }", OnChange(changed: .drain, removed: .close)),
    ])
    func onChangeIsReadInDefaultsAndInRoutes(lines: String, expected: OnChange) throws {
        #expect(try parse(.root, lines.isEmpty ? "" : "defaults:\n  \(lines)").routes[0].onChange == expected)
        #expect(try parse(.route, lines).routes[0].onChange == expected)
    }

    @Test func aRouteKeepsWhatItDoesNotGiveOfOnChange() throws {
        let defaults = "defaults:\n  on_change: { changed: drain, removed: close }\n"
        let route = try parse(defaults + Section.route.file(with: "on_change: { removed: keep }")).routes[0]
        #expect(route.onChange == OnChange(changed: .drain, removed: .keep))
        // As other settings, which are there for all routes: who answers by itself has no WebSockets to keep.
        #expect(
            problems(
                "listeners: [{ name: l, address: \"a:1\" }]\nroutes: [{ name: r, respond: 200, on_change: { changed: close } }]"
            )
                == [])
    }

    @Test func draftsAreNamedInDefaultsAndInRoutes() throws {
        #expect(try parse(.route, "").routes[0].legacyVersions == [])
        let defaults = "defaults:\n  legacy_versions: [8, hixie-76]\n"
        #expect(try parse(defaults + Section.route.file(with: "")).routes[0].legacyVersions == [.version8, .hixie76])
        let route = try parse(defaults + Section.route.file(with: "legacy_versions: [\"7\"]")).routes[0]
        #expect(route.legacyVersions == [.version7])
        #expect(try parse(defaults + Section.route.file(with: "legacy_versions: []")).routes[0].legacyVersions == [])
    }

    @Test(arguments: [
        ("on", true), ("true", true), ("\"on\"", true), ("off", false), ("false", false), ("\"off\"", false),
    ])
    func httpIsOnOrOff(word: String, expected: Bool) throws {
        #expect(try parse(.route, "http: \(word)").routes[0].http == expected)
        #expect(try parse(.root, "defaults: { http: \(word) }").routes[0].http == expected)
    }

    @Test(arguments: [("0", 0), ("1", 1), ("64KiB", 65_536), ("1024GiB", 1 << 40)])
    func aSizeOfBodiesIsRead(text: String, expected: Int) throws {
        #expect(try parse(.route, "max_body_size: \(text)").routes[0].maxBodySize == expected)
    }

    @Test(
        arguments: [
            ("", "", nil),
            ("", "queue: {}", QueueConfiguration(size: 100, timeout: .seconds(2))),
            ("", "queue: { size: 1 }", QueueConfiguration(size: 1, timeout: .seconds(2))),
            ("", "queue: { timeout: 250ms }", QueueConfiguration(size: 100, timeout: .milliseconds(250))),
            ("queue: { size: 5, timeout: 1m }", "", QueueConfiguration(size: 5, timeout: .seconds(60))),
            (
                "queue: { size: 5, timeout: 1m }", "queue: { size: 6 }",
                QueueConfiguration(size: 6, timeout: .seconds(60))
            ),
            ("queue: { size: 5 }", "queue: off", nil),
            ("queue: { size: 5 }", "queue: false", nil),
        ] as [(String, String, QueueConfiguration?)])
    func aQueueIsReadOverThatOfDefaults(defaults: String, lines: String, expected: QueueConfiguration?) throws {
        let given = defaults.isEmpty ? "" : "defaults:\n  \(defaults)\n"
        #expect(try parse(given + Section.route.file(with: lines)).routes[0].queue == expected)
    }

    @Test func whatIsForRequestsAndWaitingIsInheritedByRoutesToUpstreamsAlone() throws {
        let configuration = try parse(
            """
            listeners: [{ name: l, address: "a:1" }]
            upstreams: [{ name: u, servers: [{ address: "s:1" }] }]
            defaults: { http: off, max_body_size: 1KiB, max_requests: 7, queue: { size: 3 } }
            routes:
              - { name: a, upstream: u }
              - { name: b, match: { path: /b }, upstream: u, http: on, max_body_size: 0, max_requests: 0 }
              - { name: c, match: { path: /c }, respond: 200 }
            """)
        let (first, second) = (configuration.routes[0], configuration.routes[1])
        #expect([first.http, second.http] == [false, true])
        #expect([first.maxBodySize, second.maxBodySize] == [1024, 0])
        #expect([first.maxRequests, second.maxRequests] == [7, 0])
        #expect([first.queue?.size, second.queue?.size] == [3, 3])
    }

    @Test func missingOriginDenyAloneAsksForSomeOrigin() throws {
        #expect(
            try parse(.route, "missing_origin: deny").routes[0].origins
                == OriginPolicy(allowed: ["*"], allowMissing: false))
        #expect(try parse(.route, "missing_origin: allow").routes[0].origins == nil)
    }

    @Test(arguments: ["name: x", "upstream: u", "match: {}", "redirect: /"])
    func whatDefinesARouteIsNoDefault(lines: String) {
        #expect(problems(.root, "defaults:\n  \(lines)").first?.hasPrefix("5:3: error: unknown key") == true)
    }

    @Test(arguments: [
        ("https://example.com", "https://example.com"), ("HTTPS://Example.COM", "https://example.com"),
        ("https://a:443", "https://a"), ("http://a:80", "http://a"), ("http://a:443", "http://a:443"),
        ("https://a:8443", "https://a:8443"), ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"), ("*", "*"),
        ("null", "null"), ("file://", "file://"), ("FILE://", "file://"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://*.Example.com", "https://*.example.com"), ("https://*.example.com:443", "https://*.example.com"),
        ("https://*.example.com:8443", "https://*.example.com:8443"), ("https://10.0.0.1", "https://10.0.0.1"),
    ])
    func anOriginIsNormalized(text: String, expected: String) throws {
        #expect(try parse(.route, "origins: [\"\(text)\"]").routes[0].origins?.allowed == [expected])
    }

    private static let wildcard =
        "; a wildcard must be the whole leftmost label of a name, as in https://*.example.com, or \"*\" alone"
    private static let ipv4 =
        "; a host that ends in a number must be an IPv4 address, four numbers from 0 to 255 without leading zeros"

    @Test func whatIsNoListOfOriginsSaysWhatToWrite() {
        #expect(
            problems(.route, "origins: []") == [
                "4:14: error: the list of origins is empty; name the origins that may connect, or write [\"*\"] for any"
            ])
        #expect(
            problems(.root, "defaults: { origins: [] }") == [
                "4:22: error: the list of origins is empty; name the origins that may connect, or write [\"*\"] for any"
            ])
        #expect(
            problems(.route, "origins: [null]") == [
                "4:15: error: expected an origin such as https://example.com, found nothing; "
                    + "write \"null\", in quotes, for pages without an origin"
            ])
    }

    @Test(arguments: [
        ("example.com", "; the scheme is missing"), ("https://a/", "; remove the path"),
        ("https://a.*.com", wildcard), ("https://*a.com", wildcard), ("https://*", wildcard), ("*.a.com", wildcard),
        ("*://a.com", wildcard), ("https://*.10.0.0.1", wildcard), ("https://*.*.com", wildcard),
        ("https://10.0.0.256", ipv4), ("https://1.2.3", ipv4), ("https://010.0.0.1", ipv4),
        ("file:///x", ""), ("https://a:+80", ""),
        ("https://", ""), ("https://a:0", ""), ("https://a b", ""), ("https://u@a", ""), ("1s://a", ""),
    ])
    func anythingElseIsNoOrigin(text: String, remedy: String) {
        #expect(
            problems(.route, "origins: [\"\(text)\"]") == [
                "4:15: error: expected an origin such as https://example.com, found \"\(text)\"\(remedy)"
            ])
    }

    @Test(arguments: [
        (
            "idle_timeout: 10 sec",
            "4:19: error: expected a duration such as 10s, found \"10 sec\"; did you mean \"10s\"?"
        ),
        ("idle_timeout: 366d", "4:19: error: expected at most 365 days, found \"366d\""),
        ("close_timeout: 0s", "4:20: error: expected a duration longer than 0s"),
        ("pong_timeout: [1s]", "4:19: error: expected a duration such as 10s, found a list"),
        ("max_message_size: 0", "4:23: error: expected a size from 1 to 2GiB, found \"0\""),
        ("max_message_size: 3GiB", "4:23: error: expected a size from 1 to 2GiB, found \"3GiB\""),
        (
            "max_message_size: 64KB",
            "4:23: error: expected a size such as 64KiB, found \"64KB\"; did you mean \"64KiB\"?"
        ),
        ("max_connections: -1", "4:22: error: expected a number from 0 to 10000000, found \"-1\""),
        (
            "max_connections: 99999999999999999999",
            "4:22: error: expected a number from 0 to 10000000, found \"99999999999999999999\""
        ),
        (
            "on_change: { changed: kepp }",
            "4:27: error: expected keep, drain or close, found \"kepp\"; did you mean \"keep\"?"
        ),
        ("on_change: { removed: 1 }", "4:27: error: expected keep, drain or close, found \"1\""),
        (
            "on_change: close",
            "4:16: error: expected a mapping with changed and removed, each keep, drain or close, found \"close\""
        ),
        (
            "on_change: { remove: keep }",
            "4:18: error: unknown key \"remove\"; did you mean \"removed\"?"
        ),
        ("http: maybe", "4:11: error: expected on or off, found \"maybe\""),
        ("http: [on]", "4:11: error: expected on or off, found a list"),
        ("max_body_size: 1025GiB", "4:20: error: expected a size from 0 to 1024GiB, found \"1025GiB\""),
        (
            "max_body_size: 1MB", "4:20: error: expected a size such as 64KiB, found \"1MB\"; did you mean \"1MiB\"?"
        ),
        ("max_requests: -1", "4:19: error: expected a number from 0 to 10000000, found \"-1\""),
        ("queue: on", "4:12: error: expected off or a mapping with size and timeout, found \"on\""),
        ("queue: 5", "4:12: error: expected off or a mapping with size and timeout, found \"5\""),
        ("queue: { size: 0 }", "4:20: error: expected a number from 1 to 100000, found \"0\""),
        ("queue: { size: 100001 }", "4:20: error: expected a number from 1 to 100000, found \"100001\""),
        ("queue: { timeout: 0s }", "4:23: error: expected a duration longer than 0s"),
        ("queue: { length: 5 }", "4:14: error: unknown key \"length\"; expected size, timeout"),
        ("validate_utf8: 1", "4:20: error: expected true or false, found \"1\"; did you mean \"true\"?"),
        ("missing_origin: maybe", "4:21: error: expected allow or deny, found \"maybe\""),
        (
            "origins: https://a",
            "4:14: error: expected a list of origins such as [\"https://example.com\"], found \"https://a\""
        ),
        (
            "compression: passtrough",
            "4:18: error: expected terminate, passthrough or off, found \"passtrough\"; did you mean \"passthrough\"?"
        ),
        ("compression: []", "4:18: error: expected terminate, passthrough, off or a mapping, found a list"),
        (
            "compression: { window_bits: 8 }",
            "4:33: error: window_bits is 8, expected 9 to 15; zlib can't compress with a window of 8 bits"
        ),
        ("compression: { window_bits: 16 }", "4:33: error: expected a number from 9 to 15, found \"16\""),
        ("compression: { memory_level: 0 }", "4:34: error: expected a number from 1 to 9, found \"0\""),
        ("compression: { level: 0 }", "4:27: error: expected a number from 1 to 9, found \"0\""),
        ("compression: { level: 10 }", "4:27: error: expected a number from 1 to 9, found \"10\""),
        ("compression: { level: best }", "4:27: error: expected a number from 1 to 9, found \"best\""),
        ("compression: { max_ratio: -1 }", "4:31: error: expected a number from 0 to 1000000, found \"-1\""),
        ("compression: { threshold: -1 }", "4:31: error: expected a size such as 64KiB, found \"-1\""),
        ("compression: { upstream: maybe }", "4:30: error: expected on or off, found \"maybe\""),
        (
            "compression: { strategy: 6 }",
            "4:20: error: unknown key \"strategy\"; expected context_takeover, level, max_ratio, memory_level, mode, threshold, upstream, window_bits"
        ),
        (
            "request_headers: { set: { Sec-WebSocket-Key: x } }",
            "4:31: error: the gateway writes \"Sec-WebSocket-Key\" itself; it can't be changed here"
        ),
        (
            "request_headers: { remove: [Connection] }",
            "4:33: error: the gateway writes \"Connection\" itself; it can't be changed here"
        ),
        ("request_headers: { remove: [Host] }", "4:33: error: Host can be set, but not removed (RFC 9112 §3.2)"),
        (
            "request_headers: { set: { X-A: \"a\\r\\nB: c\" } }",
            "4:36: error: a field value can't contain control characters"
        ),
        ("response_headers: { add: {} }", "4:25: error: unknown key \"add\"; expected remove, set"),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(.route, lines) == [expected])
    }
}
