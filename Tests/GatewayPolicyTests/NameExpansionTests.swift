import GatewayPolicy
import Testing

@Suite("The servers that a name stands for")
struct NameExpansionTests {
    /// Those with a colon are IPv6.
    private static func found(_ addresses: [String]) -> [NameExpansion<String>.Found] {
        addresses.map { .init($0, isIPv6: $0.contains(":")) }
    }

    private func expansion(_ lookups: [String]...) -> NameExpansion<String> {
        var expansion = NameExpansion<String>()
        for lookup in lookups { expansion.update(Self.found(lookup)) }
        return expansion
    }

    /// The addresses of each server.
    private func servers(_ expansion: NameExpansion<String>) -> [[String]] {
        expansion.servers.map { $0.addresses.map(\.address) }
    }

    @Test(
        "one of each family is one server; of more, each address of one family is",
        arguments: [
            ([], [[]], []),
            (["a"], [["a"]], []),
            (["::1"], [["::1"]], []),
            // localhost, and a host with both.
            (["::1", "a"], [["::1", "a"]], []),
            (["a", "::1"], [["a", "::1"]], []),
            // A headless service.
            (["a", "b", "c"], [["a"], ["b"], ["c"]], []),
            (["a", "b", "a"], [["a"], ["b"]], []),
            // The same with both families: that which the system prefers.
            (["::1", "::2", "a", "b"], [["::1"], ["::2"]], ["a", "b"]),
            (["a", "::1", "b", "::2"], [["a"], ["b"]], ["::1", "::2"]),
            // The one that has more servers.
            (["::1", "a", "b"], [["a"], ["b"]], ["::1"]),
            (["a", "::1", "::2"], [["::1"], ["::2"]], ["a"]),
        ])
    func families(found: [String], expected: [[String]], standby: [String]) {
        let expansion = expansion(found)
        #expect(servers(expansion) == expected)
        #expect(expansion.standby == standby)
    }

    @Test("those that stay are the same servers in their places, whatever the order")
    func comeAndGo() {
        var expansion = expansion(["a", "b", "c"])
        let ids = expansion.servers.map(\.id)
        expansion.update(Self.found(["d", "c", "a"]))
        #expect(servers(expansion) == [["a"], ["c"], ["d"]])
        #expect(Array(expansion.servers.map(\.id).prefix(2)) == [ids[0], ids[2]])
        #expect(!ids.contains(expansion.servers[2].id))
        // One that comes back is a new one to whoever numbers them.
        expansion.update(Self.found(["b"]))
        #expect(!ids.contains(expansion.servers[0].id))
    }

    @Test("one that is joined by others stays, and so does the last one")
    func oneAndMore() {
        var expansion = expansion(["a"])
        let first = expansion.servers[0].id
        expansion.update(Self.found(["b", "a"]))
        #expect(expansion.servers[0].id == first)
        let second = expansion.servers[1].id
        expansion.update(Self.found(["b"]))
        #expect(expansion.servers.map(\.id) == [second])
    }

    @Test("the only one has moved when there is only one again")
    func moved() {
        var expansion = expansion(["a"])
        let id = expansion.servers[0].id
        expansion.update(Self.found(["b"]))
        #expect(expansion.servers.map(\.id) == [id])
        #expect(servers(expansion) == [["b"]])
        // Not when several take its place.
        expansion.update(Self.found(["c", "d"]))
        #expect(!expansion.servers.map(\.id).contains(id))
    }

    @Test("a name that was not known is the only one that it stands for, or none of several")
    func firstLookup() {
        let unknown = expansion().servers[0].id
        #expect(expansion(["a"]).servers.map(\.id) == [unknown])
        #expect(!expansion(["a", "b"]).servers.map(\.id).contains(unknown))
    }

    @Test("a server of both families goes on with the one in use")
    func fromBothToOne() {
        var expansion = expansion(["::1", "a"])
        let id = expansion.servers[0].id
        expansion.update(Self.found(["::1", "::2", "a", "b"]))
        #expect(expansion.servers.count == 2)
        #expect(expansion.servers[0].id == id)
        expansion.update(Self.found(["::1", "a"]))
        #expect(servers(expansion) == [["::1", "a"]])
        #expect(expansion.servers[0].id == id)
    }

    @Test("nothing found changes nothing")
    func nothing() {
        let before = expansion(["a", "b"])
        let after = expansion(["a", "b"], [])
        #expect(after.servers == before.servers)
    }

    @Test("the family in use stays while a change is under way")
    func staysWithFamily() {
        var expansion = expansion(["::1", "::2", "a", "b"])
        expansion.update(Self.found(["::1", "a", "b"]))
        #expect(servers(expansion) == [["::1"]])
        expansion.update(Self.found(["a", "b", "c", "::1", "::3"]))
        #expect(servers(expansion) == [["::1"], ["::3"]])
        // The other one has more than twice as many, or this one none.
        expansion.update(Self.found(["::1", "a", "b", "c"]))
        #expect(servers(expansion) == [["a"], ["b"], ["c"]])
        expansion.update(Self.found(["::1", "::2"]))
        #expect(servers(expansion) == [["::1"], ["::2"]])
    }

    @Test("the other family takes over when it alone leads to servers, and stays")
    func otherFamily() {
        var expansion = expansion(["::1", "::2", "::3", "a"])
        let before = expansion.servers.map(\.id)
        let unknown = expansion.use(familyOf: "x")
        #expect(!unknown)
        let isUsed = expansion.use(familyOf: "a")
        #expect(isUsed)
        #expect(servers(expansion) == [["a"]])
        #expect(expansion.standby == ["::1", "::2", "::3"])
        #expect(Set(expansion.servers.map(\.id)).isDisjoint(with: before))
        expansion.update(Self.found(["::1", "::2", "::3", "a"]))
        #expect(servers(expansion) == [["a"]], "however many there are of the other one")
        expansion.update(Self.found(["::1", "::2", "::3", "a", "b"]))
        #expect(servers(expansion) == [["a"], ["b"]])
        let isBack = expansion.use(familyOf: "::2")
        #expect(isBack)
        #expect(servers(expansion) == [["::1"], ["::2"], ["::3"]])
    }

    @Test("one server of the family in use is replaced, not moved, by one of the other")
    func otherFamilyOfOne() {
        var expansion = expansion(["::1", "::2", "a", "b"], ["::1", "a", "b"])
        let id = expansion.servers[0].id
        _ = expansion.use(familyOf: "a")
        #expect(!expansion.servers.map(\.id).contains(id))
    }

    @Test("no more than the limit are kept, the known ones first")
    func limit() {
        let limit = NameExpansion<String>.limit
        var expansion = expansion(["a", "b"])
        let ids = expansion.servers.map(\.id)
        expansion.update(Self.found((0..<limit).map { "\($0)" } + ["a", "b"]))
        #expect(expansion.servers.count == limit)
        #expect(Array(expansion.servers.map(\.id).prefix(2)) == ids)
    }
}
