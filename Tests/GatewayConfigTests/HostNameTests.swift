import Testing

@testable import GatewayConfig

@Suite struct HostNameTests {
    @Test(arguments: [
        "localhost", "example.com", "example.com.", "a_b.example", "xn--bcher-kva.example", "1.example", "10.0.0.1",
        "255.255.255.255", "0.0.0.0", "1a", "0x.example", "example.1a",
    ])
    func aNameOrAnIPv4Address(name: String) {
        #expect(HostName.isValid(name))
    }

    /// Lookups take these for addresses, each in its own way.
    @Test(arguments: [
        "10.0.0.256", "10.0.0", "10.0.0.0.1", "010.0.0.1", "1", "2130706433", "0x7f000001", "0x7f.1", "127.0.0.0x1",
        "example.1", "10.0.0.1.", "10.0.0.256.", "١.1",
    ])
    func whatEndsInANumberIsAnIPv4AddressOrNothing(name: String) {
        #expect(!HostName.isValid(name))
    }

    @Test(arguments: ["", ".", "a..b", "-a", "a-", "a b", "a/b", "10.0.0.0/8", "ü.example", "a:1", "*.a"])
    func anythingElseIsNoHost(name: String) {
        #expect(!HostName.isValid(name))
    }
}
