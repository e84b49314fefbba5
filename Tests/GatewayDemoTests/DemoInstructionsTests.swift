import Testing

@testable import GatewayDemo

@Suite("What the terminal says")
struct DemoInstructionsTests {
    private let machine = DemoMachine(addresses: ["192.0.2.1"], names: ["box"])

    private func lines(_ address: DemoAddress, token: (text: String, file: String)? = nil) -> [String] {
        let text = DemoInstructions(
            address: address, port: 8443, adminPort: 9901, certificate: "/tmp/d/demo.pem", token: token
        ).text
        return text.split(separator: "\n").map { String($0.drop { $0 == " " }) }
    }

    @Test("on loopback it names page, dashboard and admin address, and each command verifies the certificate")
    func loopback() {
        let lines = lines(.loopback)
        for begin in ["https://localhost:8443/ ", "https://localhost:8443/dashboard ", "http://127.0.0.1:9901/ "] {
            #expect(lines.contains { $0.hasPrefix(begin) }, "\(begin)")
        }
        #expect(lines.contains("curl --cacert /tmp/d/demo.pem https://localhost:8443/"))
        #expect(
            lines.contains("SSL_CERT_FILE=/tmp/d/demo.pem python3 -m websockets wss://localhost:8443/echo"))
        #expect(lines.contains("curl http://127.0.0.1:9901/stats"))
        #expect(lines.contains("sluice top --admin 127.0.0.1:9901"))
        #expect(!lines.joined().contains("token"))
    }

    @Test("for other machines it lists every address, and gives the token")
    func otherMachines() throws {
        let lines = lines(try DemoAddress("0.0.0.0", machine: machine), token: ("abc", "/tmp/d/token"))
        #expect(lines.contains { $0.hasPrefix("https://localhost:8443/ ") })
        #expect(lines.contains("https://192.0.2.1:8443/") && lines.contains("https://box:8443/"))
        #expect(lines.contains("abc"))
        #expect(lines.contains("curl -H \"Authorization: Bearer $(cat /tmp/d/token)\" http://127.0.0.1:9901/stats"))
        #expect(lines.contains("sluice top --admin 127.0.0.1:9901 --token-file /tmp/d/token"))
        let single = self.lines(try DemoAddress("192.0.2.1", machine: machine), token: ("abc", "/tmp/d/token"))
        #expect(single.contains { $0.hasPrefix("https://192.0.2.1:8443/ ") })
        #expect(!single.joined().contains("localhost"))
    }

    @Test("a path that a shell would take apart is quoted")
    func quoting() {
        let text = DemoInstructions(
            address: .loopback, port: 8443, adminPort: 9901, certificate: "/tmp/my dir/it's/demo.pem", token: nil
        ).text
        #expect(text.contains("curl --cacert '/tmp/my dir/it'\\''s/demo.pem' https://localhost:8443/"))
    }

    @Test("tokens are long, differ, and have no characters that look alike")
    func tokens() {
        let tokens = (0..<100).map { _ in DemoToken.make() }
        #expect(Set(tokens).count == 100)
        for token in tokens {
            #expect(token.count == 20)
            #expect(!token.contains { "il1o0".contains($0) })
        }
    }
}
