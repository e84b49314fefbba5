import GatewayConfig
import GatewayDashboard
import Testing

@testable import GatewayDemo

@Suite("The demo's configuration")
struct DemoConfigurationTests {
    private let files = CertificateFiles(certificate: "/tmp/c.pem", privateKey: "/tmp/c.key")

    private func make(
        at address: DemoAddress = .loopback, port: Int = 8443, token: String? = nil
    ) -> GatewayConfiguration {
        DemoConfiguration.make(
            at: address, port: port, adminPort: 9901, backendPorts: [4711, 4712], certificate: files, token: token)
    }

    private func route(_ name: String) throws -> RouteConfiguration {
        try #require(make().routes.first { $0.name == name })
    }

    @Test("every route leads somewhere that exists, and its servers have the path")
    func routes() throws {
        let configuration = make()
        let upstreams = Set(configuration.upstreams.map(\.name))
        #expect(Set(configuration.routes.map(\.name)).count == configuration.routes.count)
        for route in configuration.routes.dropFirst() {
            guard case .upstream(let name) = route.action else {
                Issue.record("\(route.name) leads to no upstream")
                continue
            }
            #expect(upstreams.contains(name))
        }
        for route in DemoRoute.all {
            #expect(BackendEndpoints.paths.contains(route.serverPath ?? route.path), "\(route.name)")
        }
        #expect(
            configuration.upstreams[0].servers.map(\.address) == [
                .tcp(host: "127.0.0.1", port: 4711), .tcp(host: "127.0.0.1", port: 4712),
            ])
        #expect(configuration.upstreams[1].servers.map(\.address) == [.tcp(host: "127.0.0.1", port: 9901)])
    }

    @Test("the page knows the servers by the addresses that the statistics have")
    func page() throws {
        #expect(try route("page").action == .respond(DemoPage.response(servers: ["127.0.0.1:4711", "127.0.0.1:4712"])))
    }

    @Test("it listens on the loopback interface only, with the certificate, and asks for no token")
    func listeners() {
        let configuration = make()
        #expect(configuration.listeners.map(\.address) == [.tcp(host: "127.0.0.1", port: 8443)])
        #expect(configuration.listeners[0].tls?.certificates == [files])
        #expect(
            configuration.admin
                == AdminConfiguration(address: .tcp(host: "127.0.0.1", port: 9901), token: nil, hosts: []))
    }

    @Test("on another address the admin endpoint stays on loopback, asks for the token and knows the names")
    func otherAddress() throws {
        let machine = DemoMachine(addresses: ["192.0.2.1"], names: ["box"])
        let configuration = make(at: try DemoAddress("0.0.0.0", machine: machine), token: "secret")
        #expect(configuration.listeners.map(\.address) == [.tcp(host: "0.0.0.0", port: 8443)])
        #expect(
            configuration.admin
                == AdminConfiguration(address: .tcp(host: "127.0.0.1", port: 9901), token: "secret", hosts: ["box"]))
        let origins = try #require(configuration.routes.last?.origins)
        #expect(origins.allowed.contains("https://192.0.2.1:8443") && origins.allowed.contains("https://box:8443"))
    }

    @Test(
        "only its own page may open a WebSocket; https's default port is left out of the origin",
        arguments: [
            (8443, ["https://localhost:8443", "https://127.0.0.1:8443", "https://[::1]:8443"]),
            (443, ["https://localhost", "https://127.0.0.1", "https://[::1]"]),
        ])
    func origins(port: Int, allowed: [String]) {
        let routes = make(port: port).routes.filter { $0.action == .upstream(DemoRoute.upstream) }
        #expect(routes.count == DemoRoute.all.count)
        for route in routes {
            #expect(route.origins == OriginPolicy(allowed: allowed, allowMissing: true))
        }
    }

    @Test("a page of the same origin may show the dashboard in a frame, and no other")
    func frame() throws {
        let dashboard = try route("dashboard")
        #expect(dashboard.match.path == .exact("/dashboard") && dashboard.rewrite == .path("/"))
        let policy = try #require(dashboard.responseHeaders.set["content-security-policy"])
        #expect(policy == DashboardPage.contentSecurityPolicy(framedBy: "'self'"))
        #expect(policy.contains("frame-ancestors 'self'"))
        #expect(DashboardPage.dashboard.contentSecurityPolicy.contains("frame-ancestors 'none'"))
    }

    @Test("each route has the limit that the page says it has")
    func limits() throws {
        #expect(try route("limit-size").session.maxMessageSize == 1024)
        #expect(try route("limit-ratio").session.compression.maxRatio == 20)
        #expect(try route("limit-idle").session.idleTimeout == .seconds(3))
        #expect(try route("limit-connections").maxConnectionsPerIP == 3)
        #expect(try route("compression-on").session.compression.mode == .terminate)
        #expect(try route("compression-off").session.compression.mode == .off)
    }

    @Test("the backend takes any message the gateway lets through")
    func messageSize() {
        for route in make().routes {
            #expect(route.session.maxMessageSize <= DemoBackend.maxMessageSize)
        }
    }

    @Test("Ctrl-C is not kept waiting by pages that watch")
    func drain() {
        #expect(make().drain.timeout <= .seconds(3))
        #expect(make().drain.spread <= make().drain.timeout)
    }
}
