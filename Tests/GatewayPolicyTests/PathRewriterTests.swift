import GatewayConfig
import GatewayPolicy
import Testing

@Suite("Path rewriting")
struct PathRewriterTests {
    static let strip = PathRewrite.stripPrefix("/chat")
    static let replace = PathRewrite.replacePrefix(from: "/a", to: "/b/c")

    @Test(
        arguments: [
            ("/chat/x?y=1", nil, "/chat/x?y=1"),
            ("/chat/x?y=/chat", strip, "/x?y=/chat"),
            ("/chat", strip, "/"),
            ("/chat?a=b", strip, "/?a=b"),
            ("/chat/", strip, "/"),
            ("/chats", strip, "/chats"),
            ("/other/chat", strip, "/other/chat"),
            ("/chat/%2Fx%20y", strip, "/%2Fx%20y"),
            ("/ch%61t/x", strip, "/x"),
            ("//chat//x", strip, "/x"),
            ("/chat/../secret", strip, "/chat/../secret"),
            ("/chat/a/../b%7e", strip, "/b~"),
            ("/chat//evil.example/x", strip, "/evil.example/x"),
            ("/chat//evil.example/x", nil, "/chat//evil.example/x"),
            ("/x/../chat/%3b%40", strip, "/%3B%40"),
            ("/%40a/x%40", .stripPrefix("/@a"), "/x%40"),
            ("/ch%61t/x", nil, "/ch%61t/x"),
            ("/x//y", .stripPrefix("/"), "/x//y"),
            ("/a//x/", .replacePrefix(from: "/", to: "/b"), "/b/a/x/"),
            ("/chat/x", .stripPrefix("/chat/"), "/x"),
            ("/chat/x", .stripPrefix("/"), "/chat/x"),
            ("/chat?", strip, "/?"),
            ("/a/x?q", replace, "/b/c/x?q"),
            ("/a", replace, "/b/c"),
            ("/ab", replace, "/ab"),
            ("/a/x", .replacePrefix(from: "/a/", to: "/"), "/x"),
            ("/x?q=1", .path("/socket"), "/socket?q=1"),
        ] as [(String, PathRewrite?, String)])
    func rewrite(target: String, rewrite: PathRewrite?, expected: String) throws {
        #expect(PathRewriter.rewrite(try RequestTarget(target), by: rewrite) == expected)
    }

    @Test(
        arguments: [
            ("/login?next=/x#top", strip, "/chat/login?next=/x#top"),
            ("/", strip, "/chat/"),
            ("login", strip, "login"),
            ("?page=2", strip, "?page=2"),
            ("", strip, ""),
            ("/chat/x", strip, "/chat/chat/x"),
            ("http://example.com/x", strip, "http://example.com/chat/x"),
            ("https://EXAMPLE.com:443/x", strip, "https://EXAMPLE.com:443/chat/x"),
            ("https://example.com", strip, "https://example.com/chat/"),
            ("https://example.com?q", strip, "https://example.com/chat/?q"),
            ("https://example.com:8443/x", strip, "https://example.com:8443/x"),
            ("https://other.test/x", strip, "https://other.test/x"),
            ("//example.com/x", strip, "//example.com/chat/x"),
            ("//other.test/x", strip, "//other.test/x"),
            ("mailto:someone@example.com", strip, "mailto:someone@example.com"),
            ("ftp://example.com/x", strip, "ftp://example.com/x"),
            ("/b/c/x", replace, "/a/x"),
            ("/b/c", replace, "/a"),
            ("/b/cd", replace, "/b/cd"),
            ("/x", .path("/socket"), "/x"),
            ("/x", nil, "/x"),
        ] as [(String, PathRewrite?, String)])
    func aRedirectGetsThePrefixBack(location: String, rewrite: PathRewrite?, expected: String) {
        #expect(PathRewriter.restore(location: location, by: rewrite, host: "example.com") == expected)
    }

    @Test(
        "a path that would name a host, or nothing, does not come of it",
        arguments: [
            ("/b", "/"), ("/b/", "/"), ("/b//evil.test/x", "/evil.test/x"), ("/b?q", "/?q"),
            ("https://example.com/b//x", "https://example.com/x"),
        ])
    func aPathThatNamesAHost(location: String, expected: String) {
        let rewrite = PathRewrite.replacePrefix(from: "/", to: "/b")
        #expect(PathRewriter.restore(location: location, by: rewrite, host: "example.com") == expected)
    }

    @Test(
        arguments: [
            ("/chat/x", strip, "/chat"), ("/chat", strip, "/chat"), ("//ch%61t/x?q", strip, "/chat"),
            ("/chat/x", .stripPrefix("/chat/"), "/chat"), ("/a/b/x", .stripPrefix("/a/b"), "/a/b"),
            ("/a/x", .replacePrefix(from: "/a/", to: "/"), "/a"),
            ("/chats", strip, nil), ("/x", strip, nil), ("/a/x", replace, nil), ("/chat/x", .stripPrefix("/"), nil),
            ("/chat/x", .path("/chat"), nil), ("/chat/x", nil, nil),
        ] as [(String, PathRewrite?, String?)])
    func whatIsStrippedAlone(target: String, rewrite: PathRewrite?, expected: String?) throws {
        #expect(PathRewriter.strippedPrefix(of: try RequestTarget(target), by: rewrite) == expected)
    }

    @Test(arguments: [
        ("https://example.com:8443/x", "https://example.com:8443/chat/x"),
        ("https://example.com/x", "https://example.com/x"),
        ("http://example.com:8080/x", "http://example.com:8080/x"),
    ])
    func theAuthorityIsComparedWithItsPort(location: String, expected: String) {
        #expect(PathRewriter.restore(location: location, by: Self.strip, host: "example.com:8443") == expected)
    }
}
