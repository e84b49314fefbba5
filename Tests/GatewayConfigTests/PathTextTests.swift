import GatewayConfig
import Testing

@Suite("Paths of conditions and rewrites")
struct PathTextTests {
    @Test(
        "they are compared in normal form, and so are written in it",
        arguments: [
            ("path: /caf%c3%a9", RouteMatchConfiguration.Path.exact("/caf%C3%A9")),
            ("path: \"/{a}\"", .exact("/%7Ba%7D")),
            ("path_prefix: /%7euser/", .prefix("/~user/")), ("path: /%40me", .exact("/@me")),
            ("path_prefix: /a%2fb", .prefix("/a%2Fb")),
        ])
    func normalized(lines: String, expected: RouteMatchConfiguration.Path) throws {
        #expect(try parse(.match, lines).routes[0].match.path == expected)
    }

    @Test(
        "what could never match is refused",
        arguments: [
            (
                "path: /a/../b",
                "5:13: error: expected a path without dot segments and //, found \"/a/../b\"; write \"/b\""
            ),
            (
                "path_prefix: //b",
                "5:20: error: expected a path without dot segments and //, found \"//b\"; write \"/b\""
            ),
            (
                "path_prefix: /a/%2e",
                "5:20: error: expected a path without dot segments and //, found \"/a/%2e\"; write \"/a/\""
            ),
            (
                "path: /%zz",
                "5:13: error: expected a path that starts with /, found \"/%zz\": path has a % without two hexadecimal digits after it"
            ),
            (
                "path: /../a",
                "5:13: error: expected a path that starts with /, found \"/../a\": path has more .. than segments before them"
            ),
            ("path: /é", "5:13: error: expected a path that starts with /, found \"/é\""),
        ])
    func refused(lines: String, expected: String) {
        #expect(problems(.match, lines) == [expected])
    }

    @Test("two spellings of one path are the same condition")
    func sameCondition() {
        let routes = """
            listeners: [{ name: l, address: "a:1" }]
            routes:
              - { name: a, match: { path: /~x }, respond: 200 }
              - { name: b, match: { path: /%7Ex }, respond: 200 }
            """
        #expect(
            problems(routes) == [
                "4:23: error: route \"b\" can never match, because route \"a\" above has the same conditions"
            ])
    }

    @Test("a prefix to take off is compared, a path for the server keeps what it means")
    func rewrites() throws {
        func rewrite(_ lines: String) throws -> PathRewrite? {
            try parse(.route, "rewrite: \(lines)").routes[0].rewrite
        }
        #expect(try rewrite("{ strip_prefix: /%40a/ }") == .stripPrefix("/@a/"))
        #expect(
            try rewrite("{ replace_prefix: { from: /%40a, to: /%40b%7e } }")
                == .replacePrefix(from: "/@a", to: "/%40b~"))
        #expect(try rewrite("{ path: /%40b }") == .path("/%40b"))
        for mistake in ["{ strip_prefix: /a/../b }", "{ replace_prefix: { from: /a//b, to: / } }", "{ path: //a }"] {
            #expect(problems(.route, "rewrite: \(mistake)").count == 1)
        }
    }

    @Test("what came from the environment is not shown")
    func environment() {
        let found = problems(.match, "path: \"${P}\"", environment: ["P": "/secret/../x"])
        #expect(found == ["5:13: error: expected a path without dot segments and //, found \"${P}\""])
    }
}
