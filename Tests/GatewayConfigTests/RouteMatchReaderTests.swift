import GatewayConfig
import Testing

@Suite struct RouteMatchReaderTests {
    @Test(arguments: [
        ("path: /a", RouteMatchConfiguration.Path.exact("/a")), ("path_prefix: /", .prefix("/")),
        ("path_regex: /rooms/[0-9]+", .regex("/rooms/[0-9]+")),
    ])
    func aPathIsExactAPrefixOrAPattern(lines: String, expected: RouteMatchConfiguration.Path) throws {
        #expect(try parse(.match, lines).routes[0].match.path == expected)
    }

    @Test(arguments: ["localhost", "EXAMPLE.com", "*.example.com", "10.0.0.1", "[::1]", "a_b.example"])
    func aHostIsANameAnAddressOrAWildcard(host: String) throws {
        #expect(try parse(.match, "hosts: [\"\(host)\"]").routes[0].match.hosts == [host.lowercased()])
    }

    @Test(arguments: [
        ("path: a", "5:13: error: expected a path that starts with /, found \"a\""),
        ("path: /a?b", "5:13: error: expected a path that starts with /, found \"/a?b\""),
        ("path: /a\npath_prefix: /b", "6:7: error: path and path_prefix exclude each other; remove one of them"),
        ("path_regex: \"/a(\"", "5:19: error: \"/a(\" is not a regular expression: expected ')'"),
        (
            "path_regex: \"*\"",
            "5:19: error: \"*\" is not a regular expression: quantifier '*' must appear after expression"
        ),
        ("hosts: a", "5:14: error: expected a list of hosts such as [chat.example.com], found \"a\""),
        (
            "hosts: [\"a.*.com\"]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"a.*.com\"; a wildcard must be the whole leftmost label"
        ),
        (
            "hosts: [\"*a.com\"]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"*a.com\"; a wildcard must be the whole leftmost label"
        ),
        (
            "hosts: [\"*\"]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"*\"; leave hosts out to match any host"
        ),
        (
            "hosts: [\"a:80\"]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"a:80\"; remove the port"
        ),
        (
            "hosts: [\"https://a\"]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"https://a\"; remove scheme and path"
        ),
        ("hosts: [\"a..b\"]", "5:15: error: expected a host such as chat.example.com or *.example.com, found \"a..b\""),
        ("hosts: []", "5:14: error: the list of hosts is empty; leave hosts out to match any host"),
        (
            "subprotocols: []",
            "5:21: error: the list of subprotocols is empty; leave subprotocols out to match any offer"
        ),
        ("listeners: []", "5:18: error: the list of listeners is empty; leave listeners out to match any listener"),
        ("listeners: l", "5:18: error: expected a list of names of listeners such as [public], found \"l\""),
        ("listeners: [l, ll]", "5:22: error: unknown listener \"ll\"; did you mean \"l\"?"),
        (
            "hosts: [\"*.10.0.0.1\"]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"*.10.0.0.1\"; an IP address can't have a wildcard"
        ),
        (
            "hosts: [10.0.0.256]",
            "5:15: error: expected a host such as chat.example.com or *.example.com, found \"10.0.0.256\"; a host that ends in a number must be an IPv4 address, four numbers from 0 to 255 without leading zeros"
        ),
        ("headers: { \"a b\": c }", "5:18: error: expected a field name such as X-Tenant, found \"a b\""),
        ("headers: { a: \"x\\ny\" }", "5:21: error: a field value can't contain control characters"),
        ("headers: { X-A: 1, x-a: 2 }", "5:26: error: the field \"x-a\" is given twice"),
        ("headers: [a]", "5:16: error: expected a mapping of names to values, found a list"),
        ("query: { a: [b] }", "5:19: error: expected text, found a list"),
        ("subprotocols: [\"a,b\"]", "5:22: error: expected a subprotocol such as graphql-transport-ws, found \"a,b\""),
        ("host: [a]", "5:7: error: unknown key \"host\"; did you mean \"hosts\"?"),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(.match, lines) == [expected])
    }

    @Test func aPatternIsBounded() {
        let long = "/" + String(repeating: "(", count: 5000)
        #expect(
            problems(.match, "path_regex: \"\(long)\"") == [
                "5:19: error: the regular expression is 5001 bytes, limit 1024"
            ])
    }

    @Test func aRouteCanBeTiedToListeners() throws {
        let text = """
            listeners: [{ name: public, address: "a:1" }, { name: internal, address: "a:2" }]
            routes:
              - { name: r, upstream: u, match: { listeners: [internal, public] } }
              - { name: s, upstream: u, match: { listeners: [internal] } }
              - { name: t, upstream: u }
            upstreams: [{ name: u, servers: [{ address: "s:1" }] }]
            """
        let configuration = try parse(text)
        #expect(configuration.routes.map(\.match.listeners) == [["internal", "public"], ["internal"], []])
        #expect(summary(of: configuration).contains("listener internal or public"))
        let twice = text.replacing("[internal] }", with: "[public, internal] }")
        #expect(problems(twice).first?.contains("route \"s\" can never match") == true)
    }
}
