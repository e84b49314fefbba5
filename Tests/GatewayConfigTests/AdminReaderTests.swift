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
            "; a host that ends in a number must be an IPv4 address, four numbers from 0 to 255 without leading zeros"
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
        ("/run/t.sock", "/run/t.sock"), ("run/t.sock", "/etc/sluice/run/t.sock"), ("\"${T:-/t}\"", "/t"),
    ])
    func theTakeoverSocketIsAnAbsolutePath(path: String, expected: String) throws {
        let admin = try parse(.root, "admin: { address: \"127.0.0.1:1\", takeover_socket: \(path) }").admin
        #expect(admin?.takeoverSocket == expected)
        #expect(try parse(.root, "admin: { address: \"127.0.0.1:1\" }").admin?.takeoverSocket == nil)
    }

    @Test(arguments: [
        ("\"\"", "expected the path of a unix socket such as /run/sluice/takeover.sock, found nothing"),
        ("[/t]", "expected the path of a unix socket such as /run/sluice/takeover.sock, found a list"),
        (
            "\"unix:/t\"",
            "expected the path of a unix socket such as /run/sluice/takeover.sock, found \"unix:/t\"; leave out unix:"
        ),
        ("/" + String(repeating: "a", count: 107), "the path of the unix socket is 108 bytes, limit 107"),
        ("a/" + String(repeating: "a", count: 94), "the path of the unix socket is 108 bytes, limit 107"),
    ])
    func anotherPathIsRefused(path: String, message: String) {
        #expect(
            problems(.root, "admin: { address: \"127.0.0.1:1\", takeover_socket: \(path) }") == [
                "4:51: error: \(message)"
            ])
    }

    @Test func theTakeoverSocketIsNoneThatIsListenedOn() {
        #expect(
            problems(.root, "admin: { takeover_socket: /run/s, address: \"unix:/run/s\" }") == [
                "4:27: error: line 4 already listens on unix:/run/s; choose another address"
            ])
        #expect(
            problems(
                Section.root.file(with: "admin: { address: \"127.0.0.1:1\", takeover_socket: s }")
                    .replacing("a:1", with: "unix:s"))
                == ["4:51: error: line 1 already listens on unix:/etc/sluice/s; choose another address"])
    }

    @Test(arguments: [
        "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "admin.internal:1", "[::ffff:10.0.0.1]:1", "localhost.example:1",
    ])
    func anAddressThatOthersReachWithoutATokenIsWorthAWarning(address: String) throws {
        let warnings = try parse(.root, "admin: { address: \"\(address)\" }").warnings
        #expect(
            warnings.map(\.description) == [
                "test.yaml:4:19: warning: anyone who can reach \(address) can read the statistics, close connections and drain the gateway; "
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
