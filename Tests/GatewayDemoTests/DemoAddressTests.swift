import Testing

@testable import GatewayDemo

@Suite("Where the demo listens")
struct DemoAddressTests {
    private let machine = DemoMachine(addresses: ["192.0.2.1", "fd00::2"], names: ["box"])

    @Test(
        "a name or an address gives what to bind, what browsers call it, and whether others reach it",
        arguments: [
            ("localhost", "127.0.0.1", ["localhost", "127.0.0.1", "::1"], true),
            ("127.0.0.1", "127.0.0.1", ["localhost", "127.0.0.1", "::1"], true),
            ("127.0.0.2", "127.0.0.2", ["127.0.0.2"], true),
            ("::1", "::1", ["localhost", "::1"], true),
            ("[::1]", "::1", ["localhost", "::1"], true),
            ("192.0.2.1", "192.0.2.1", ["192.0.2.1"], false),
            ("[FD00::2]", "fd00::2", ["fd00::2"], false),
            ("Demo.Example", "demo.example", ["demo.example"], false),
            ("0.0.0.0", "0.0.0.0", ["localhost", "127.0.0.1", "192.0.2.1", "box"], false),
            ("::", "::", ["localhost", "127.0.0.1", "::1", "192.0.2.1", "fd00::2", "box"], false),
        ])
    func addresses(text: String, bound: String, hosts: [String], isLoopback: Bool) throws {
        let address = try DemoAddress(text, machine: machine)
        #expect(address.bound == bound)
        #expect(address.hosts == hosts)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(
        "anything else is refused, and an address with a port is told which option sets it",
        arguments: [
            ("", false), ("a b", false), ("127.0.0.1:9000", true), ("[::1]:9000", true), ("demo.example:443", true),
            ("300.1.1.1", false), ("10.0.0.0/8", false), ("[demo]", false), ("https://demo.example", false),
            ("demo\u{1B}[2J", false),
        ])
    func mistakes(text: String, namesPort: Bool) {
        #expect {
            try DemoAddress(text, machine: machine)
        } throws: { error in
            let message = "\(error)"
            return message.contains("expected a name or an IP address") && message.contains("--port") == namesPort
                && !message.contains("\u{1B}")
        }
    }

    @Test("origins leave out the default port, and put IPv6 into brackets")
    func origins() throws {
        let address = try DemoAddress("::1", machine: machine)
        #expect(address.origins(port: 443) == ["https://localhost", "https://[::1]"])
        #expect(address.origins(port: 8443) == ["https://localhost:8443", "https://[::1]:8443"])
    }

    @Test(
        "addresses that other machines can't use are left out",
        arguments: [
            ("127.0.0.1", false), ("::1", false), ("169.254.3.4", false), ("fe80::1", false), ("febf::1", false),
            ("192.0.2.1", true), ("fd00::2", true), ("2001:db8::1", true), ("no address", false),
        ])
    func reachable(address: String, isReachable: Bool) {
        #expect(DemoMachine.isReachable(address) == isReachable)
    }
}
