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
        ("http://[::1]:80", true), ("null", false), ("", false), ("https://example.com https://evil.test", false),
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
