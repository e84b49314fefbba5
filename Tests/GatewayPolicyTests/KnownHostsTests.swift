import GatewayPolicy
import Testing

@Suite("Names by which an endpoint is meant to be reached")
struct KnownHostsTests {
    @Test(arguments: [
        ("localhost", true), ("LocalHost:80", true), ("localhost.", true), ("127.0.0.1", true), ("192.0.2.7:1", true),
        ("[::1]", true), ("[2001:db8::1]:9901", true), ("admin.internal", true), ("ADMIN.internal:9901", true),
        ("admin.internal.", true), ("sub.admin.internal", false), ("internal", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false), ("127.0.0.256", false), ("", false),
    ])
    func localhostAddressesAndThoseThatAreNamed(authority: String, expected: Bool) {
        #expect(KnownHosts(["Admin.internal"]).contains(authority) == expected)
    }
}
