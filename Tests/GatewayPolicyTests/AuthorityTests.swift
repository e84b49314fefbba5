import GatewayPolicy
import Testing

@Suite("Authorities (RFC 9110 §7.2, RFC 3986 §3.2)")
struct AuthorityTests {
    @Test(
        arguments: [
            ("guard.test", "guard.test", nil), ("GUARD.Test.", "guard.test", nil), ("a_b~c-d:8443", "a_b~c-d", 8443),
            ("guard.test:", "guard.test", nil), ("guard.test:080", "guard.test", 80), ("h:65535", "h", 65535),
            ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]", "[::1]", nil), ("[0:0:0::1]:80", "[::1]", 80),
            ("[2001:DB8::A]", "[2001:db8::a]", nil), ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", nil),
            ("[::ffff:102:304]", "[::ffff:1.2.3.4]", nil), ("", "", nil),
        ] as [(String, String, UInt16?)])
    func authorities(text: String, host: String, port: UInt16?) throws {
        let authority = try #require(Authority(text))
        #expect(authority.host == host)
        #expect(authority.port == port)
        #expect(AuthorityText.isValid(text))
    }

    @Test(arguments: [
        "[guard.test]", "[]", "[zz::1]", "[1.2.3.4]", "[v1.x]", "[::1", "[::1]80", "[::1]x:80", "[[::1]]",
        "[::1%25eth0]",
        "[::1%eth0]", "::1", "a%zz", "%", "%61.test", "a%2eb", "a b", "a,b", "a/b", "a\\b", "u@h", "u:p@h", "a]",
        "a[b]",
        ":80", ".", "..", ".a", "a..b", "a..", "h:http", "h:65536", "h:99999999999999999999", "h:-1", "h:+1", "h:80:80",
        "é.test", "a\u{0}", "h\r\n", "*", "h?", "h#",
    ])
    func noAuthority(text: String) {
        #expect(Authority(text) == nil)
        #expect(!AuthorityText.isValid(text))
    }

    @Test(
        "a port that is left out is the scheme's (RFC 9110 §4.2.3)",
        arguments: [
            ("h:80", "h", "ws", true), ("h", "h:80", "http", true), ("h:443", "H.", "wss", true),
            ("h", "h:443", "HTTPS", true), ("h:443", "h", "http", false), ("h:80", "h", "https", false),
            ("h:81", "h", "ws", false), ("h:", "h:80", "ws", true), ("h:80", "h", "gopher", false),
            ("[::1]:80", "[0::1]", "ws", true), ("h", "other", "ws", false), ("", "h", "ws", false),
            ("", "", "ws", false), ("[h]", "h", "ws", false), ("h", "", "ws", false),
        ])
    func same(first: String, second: String, scheme: String, isSame: Bool) {
        #expect(AuthorityText.isSame(first, second, scheme: scheme) == isSame)
        #expect(AuthorityText.isSame(second, first, scheme: scheme) == isSame)
    }
}
