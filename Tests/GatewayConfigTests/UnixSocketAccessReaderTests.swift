import GatewayConfig
import Testing

@Suite("mode, owner and group of unix sockets")
struct UnixSocketAccessReaderTests {
    @Test(arguments: [
        ("mode: \"0660\"", UnixSocketAccess(mode: 0o660)),
        ("mode: 0600", UnixSocketAccess(mode: 0o600)),
        ("mode: 777", UnixSocketAccess(mode: 0o777)),
        ("owner: root", UnixSocketAccess(owner: 0)),
        ("group: root", UnixSocketAccess(group: 0)),
        (
            "mode: \"0640\", owner: 4294967294, group: 1000",
            UnixSocketAccess(mode: 0o640, owner: 4_294_967_294, group: 1000)
        ),
    ])
    func areRead(_ keys: String, _ access: UnixSocketAccess) throws {
        let configuration = try parse(.root, "admin: { address: \"unix:/run/s\", \(keys) }")
        #expect(configuration.admin == AdminConfiguration(address: .unix(path: "/run/s"), access: access))
    }

    @Test(arguments: [
        ("mode: \"0888\"", "octal permissions from \"0000\" to \"0777\" such as \"0660\", found \"0888\""),
        ("mode: \"1777\"", "octal permissions from \"0000\" to \"0777\" such as \"0660\", found \"1777\""),
        ("mode: 66", "octal permissions from \"0000\" to \"0777\" such as \"0660\", found \"66\""),
        ("mode: rw", "octal permissions from \"0000\" to \"0777\" such as \"0660\", found \"rw\""),
        ("owner: no-such-one", "the name of a user of this system, or the number of a user, found \"no-such-one\""),
        ("owner: 4294967295", "the name of a user of this system, or the number of a user, found \"4294967295\""),
        ("group: no-such-one", "the name of a group of this system, or the number of a group, found \"no-such-one\""),
        ("group: -1", "the name of a group of this system, or the number of a group, found \"-1\""),
    ])
    func wrongValuesAreRefused(_ key: String, _ expected: String) {
        let found = problems(.root, "admin: { address: \"unix:/run/s\", \(key) }")
        let column = key.hasPrefix("mode") ? 40 : 41
        #expect(found == ["4:\(column): error: expected \(expected)"])
    }

    @Test(arguments: ["mode: \"0660\"", "owner: root", "group: root"])
    func haveNoPlaceBesideTCP(_ key: String) {
        let name = key.prefix { $0 != ":" }
        let problem =
            "\(name) applies only to a unix socket, and address is one of TCP; remove \(name), or use an address such as "
            + "unix:/run/sluice.sock"
        #expect(problems(.root, "admin: { address: \"a:2\", \(key) }") == ["4:26: error: \(problem)"])
        #expect(problems(.listener, key) == ["4:5: error: \(problem)"])
    }
}
