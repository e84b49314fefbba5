import GatewayConfig
import Testing

@testable import GatewayDemo

@Suite("The demo's configuration")
struct DemoConfigurationTests {
    private let files = CertificateFiles(certificate: "/tmp/c.pem", privateKey: "/tmp/c.key")

    private func make(port: Int = 8443) -> GatewayConfiguration {
        DemoConfiguration.make(port: port, adminPort: 9901, backendPort: 4711, certificate: files)
    }

    @Test("every route leads somewhere that exists, and the paths are the backend's")
    func routes() throws {
        let configuration = make()
        #expect(configuration.routes.map(\.match.path) == [.exact("/"), .exact("/echo"), .exact("/chat")])
        #expect(configuration.routes[0].action == .respond(DemoPage.response))
        #expect(configuration.routes[1].action == .upstream("backend"))
        #expect(configuration.routes[2].action == .upstream("backend"))
        #expect(configuration.upstreams.map(\.name) == ["backend"])
        #expect(configuration.upstreams[0].servers.map(\.address) == [.tcp(host: "127.0.0.1", port: 4711)])
        #expect(configuration.routes[1].session.compression.mode == .terminate)
    }

    @Test("it listens on the loopback interface only, with the certificate")
    func listeners() {
        let configuration = make()
        #expect(configuration.listeners.map(\.address) == [.tcp(host: "127.0.0.1", port: 8443)])
        #expect(configuration.listeners[0].tls?.certificates == [files])
        #expect(configuration.admin?.address == .tcp(host: "127.0.0.1", port: 9901))
    }

    @Test(
        "only its own page may open a WebSocket; https's default port is left out of the origin",
        arguments: [
            (8443, ["https://localhost:8443", "https://127.0.0.1:8443", "https://[::1]:8443"]),
            (443, ["https://localhost", "https://127.0.0.1", "https://[::1]"]),
        ])
    func origins(port: Int, allowed: [String]) {
        for route in make(port: port).routes.dropFirst() {
            #expect(route.origins == OriginPolicy(allowed: allowed, allowMissing: true))
        }
    }

    @Test("the backend takes any message the gateway lets through")
    func messageSize() {
        for route in make().routes {
            #expect(route.session.maxMessageSize <= DemoBackend.maxMessageSize)
        }
    }
}
