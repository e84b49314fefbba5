import GatewayConfig
import GatewayPolicy
import Testing

@Suite("Origin (RFC 6455 §10.2, RFC 6454)")
struct OriginCheckTests {
    @Test(arguments: [
        ("https://example.com", true), ("HTTPS://Example.COM", true), ("https://example.com:443", true),
        ("https://example.com:8443", false), ("http://example.com", false), ("https://example.com.evil.test", false),
        ("https://evil.test/https://example.com", false), ("https://user@example.com", false),
        ("https://example.com/", false), ("https://example.com:junk", false), ("https://sub.example.com", false),
        ("http://localhost:3000", true), ("http://localhost", false), ("http://[::1]", true),
        ("http://[::1]:80", true), ("null", false), ("file://", false),
        ("https://example.com https://evil.test", false),
    ])
    func listedOrigins(origin: String, expected: Bool) {
        let policy = OriginPolicy(allowed: ["https://example.com", "http://localhost:3000", "http://[::1]"])
        #expect(OriginCheck.allows(origin, policy: policy) == expected)
    }

    @Test(arguments: ["https://example.com", "null", "anything"])
    func anAsteriskAllowsAny(origin: String) {
        #expect(OriginCheck.allows(origin, policy: OriginPolicy(allowed: ["*"], allowMissing: false)))
    }

    @Test func theOpaqueOriginWhereItIsListed() {
        #expect(OriginCheck.allows("null", policy: OriginPolicy(allowed: ["null"])))
    }

    @Test(arguments: [
        ("https://a.example.com", true), ("https://a.b.example.com", true), ("HTTPS://A.Example.com:443", true),
        ("https://a_b.x-y.example.com", true),
        // Never the name itself, nor another scheme or port.
        ("https://example.com", false), ("https://.example.com", false), ("https://a..example.com", false),
        ("http://a.example.com", false), ("https://a.example.com:8443", false), ("wss://a.example.com", false),
        // Nothing but labels stands for the asterisk.
        ("https://evil.test/.example.com", false), ("https://evil.test/a.example.com", false),
        ("https://evil.test?a.example.com", false), ("https://evil.test#a.example.com", false),
        ("https://a@b.example.com", false), ("https://evil.test:1.example.com", false),
        ("https://a b.example.com", false), ("https://evil.test,https://a.example.com", false),
        ("https://aexample.com", false), ("https://a.example.com.evil.test", false), ("https://*.example.com", false),
        ("https://é.example.com", false), ("null", false),
        ("https://x.port.test:8443", true), ("https://x.port.test", false), ("http://x.insecure.test:80", true),
    ])
    func aWildcardIsOneLabelOrMore(origin: String, expected: Bool) {
        let policy = OriginPolicy(
            allowed: ["https://*.example.com", "https://*.port.test:8443", "http://*.insecure.test"])
        #expect(OriginCheck.allows(origin, policy: policy) == expected)
    }

    @Test(arguments: ["file://", "FILE://"])
    func theOriginOfFilesWhereItIsListed(origin: String) {
        #expect(OriginCheck.allows(origin, policy: OriginPolicy(allowed: ["file://"])))
        #expect(!OriginCheck.allows("file:///etc/passwd", policy: OriginPolicy(allowed: ["file://"])))
    }

    @Test(arguments: ["", " ", "\t "], [true, false])
    func anEmptyOriginIsAMissingOne(origin: String, allowMissing: Bool) {
        for allowed in ["*", "https://example.com"] {
            let policy = OriginPolicy(allowed: [allowed], allowMissing: allowMissing)
            #expect(OriginCheck.allows(origin, policy: policy) == allowMissing)
        }
    }

    @Test(arguments: [true, false])
    func aMissingOrigin(allowMissing: Bool) {
        #expect(
            OriginCheck.allows(nil, policy: OriginPolicy(allowed: ["*"], allowMissing: allowMissing)) == allowMissing)
    }

    @Test func withoutAPolicyEveryOriginMayConnect() {
        #expect(OriginCheck.allows("https://evil.test", policy: nil))
        #expect(OriginCheck.allows(nil, policy: nil))
    }
}
