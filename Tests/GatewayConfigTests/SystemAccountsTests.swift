import Testing

@testable import GatewayConfig

@Suite struct SystemAccountsTests {
    @Test func rootIsKnownByNameAndNumber() throws {
        for root in [SystemAccounts.user(named: "root"), SystemAccounts.user(number: 0)] {
            let root = try #require(root)
            #expect(root.name == "root")
            #expect((root.user, root.group) == (0, 0))
            #expect(SystemAccounts.groups(of: root, with: 7).contains(7))
        }
        #expect(SystemAccounts.group(named: "root") == 0)
    }

    @Test func whoIsNotThereIsNobody() {
        #expect(SystemAccounts.user(named: "no-such-user") == nil)
        #expect(SystemAccounts.user(number: 4_000_000) == nil)
        #expect(SystemAccounts.group(named: "no-such-group") == nil)
    }

    @Test(
        arguments: [
            ("0", 0), ("65534", 65534), ("4294967294", 4_294_967_294), ("4294967295", nil), ("-1", nil), ("x", nil),
        ] as [(String, UInt32?)])
    func aNumberIsOne(text: String, expected: UInt32?) {
        #expect(SystemAccounts.number(text) == expected)
    }
}
