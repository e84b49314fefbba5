import GatewayConfig
import Testing

@Suite struct AdminReaderTests {
    @Test func hostsAreNamesInLowerCase() throws {
        let admin = try parse(.root, "admin: { address: \"127.0.0.1:1\", hosts: [Metrics.internal, 10.0.0.1] }").admin
        #expect(admin?.hosts == ["metrics.internal", "10.0.0.1"])
    }

    @Test(arguments: [
        ("a:1", ""), ("https://a", ""), ("*.a", ""), ("", ""),
        (
            "10.0.0.256",
            "; a host that ends in a number is an IPv4 address: four numbers from 0 to 255 without leading zeros"
        ),
    ])
    func anythingElseIsNone(host: String, remedy: String) {
        let found = host.isEmpty ? "nothing" : "\"\(host)\""
        #expect(
            problems(.root, "admin: { address: \"127.0.0.1:1\", hosts: [\"\(host)\"] }") == [
                "4:42: error: expected a host name such as metrics.internal, without scheme and port, found \(found)\(remedy)"
            ])
    }

    @Test(arguments: [
        "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "admin.internal:1", "[::ffff:10.0.0.1]:1", "localhost.example:1",
    ])
    func anAddressThatOthersReachWithoutATokenIsWorthAWarning(address: String) throws {
        let warnings = try parse(.root, "admin: { address: \"\(address)\" }").warnings
        #expect(
            warnings.map(\.description) == [
                "test.yaml:4:19: warning: whoever reaches \(address) may read the figures, close connections and drain: "
                    + "set admin.token, or listen on 127.0.0.1, [::1] or a unix socket"
            ])
        #expect(try parse(.root, "admin: { address: \"\(address)\", token: x }").warnings.isEmpty)
        #expect(try parse(.root, "admin: { address: \"\(address)\", token: \"\" }").warnings.count == 1)
    }

    @Test(arguments: [
        "127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1", "unix:/run/a.sock", "[::ffff:127.0.0.1]:1",
    ])
    func oneThatThisMachineAloneReachesIsNot(address: String) throws {
        #expect(try parse(.root, "admin: { address: \"\(address)\" }").warnings.isEmpty)
    }
}
