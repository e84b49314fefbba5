public import GatewayConfig
import GatewayDashboard

/// What the demo's gateway runs with: a configuration as a file would give it, made in code.
public enum DemoConfiguration {
    /// Where the dashboard is on the demo's own address, beside the page.
    public static let dashboardPath = "/dashboard"

    /// The page, the WebSockets of ``DemoRoute`` and the admin endpoint, on one TLS listener.
    ///
    /// Only pages of the listener's own origins may open a WebSocket: another site in the same browser cannot
    /// reach the demo (RFC 6455 §10.2). Clients that send no `Origin`, such as command-line tools, can.
    ///
    /// - Parameters:
    ///   - address: Where the listener is.
    ///   - port: Its port, 1 to 65535: origins name it, so 0 does not work here.
    ///   - adminPort: The admin endpoint's port on 127.0.0.1.
    ///   - backendPorts: Where each `DemoBackend` listens on 127.0.0.1.
    ///   - certificate: What `DemoCertificate.make(for:in:now:)` returned.
    ///   - token: What the admin endpoint asks for; nil: nothing. It needs one where other machines reach the listener.
    public static func make(
        at address: DemoAddress, port: Int, adminPort: Int, backendPorts: [Int], certificate: CertificateFiles,
        token: String? = nil
    ) -> GatewayConfiguration {
        let servers = backendPorts.map { ServerConfiguration(address: .tcp(host: "127.0.0.1", port: $0)) }
        let admin = Address.tcp(host: "127.0.0.1", port: adminPort)
        let origins = OriginPolicy(allowed: address.origins(port: port), allowMissing: true)

        var log = LogConfiguration()
        log.format = .text
        var drain = DrainConfiguration()
        // Whoever presses Ctrl-C waits, and an open dashboard does not end by itself.
        drain.timeout = .seconds(3)
        drain.spread = .seconds(1)
        return GatewayConfiguration(
            listeners: [
                ListenerConfiguration(
                    name: "demo", address: .tcp(host: address.bound, port: port),
                    tls: ListenerTLS(certificates: [certificate]))
            ],
            admin: AdminConfiguration(address: admin, token: token, hosts: address.names),
            routes: [
                RouteConfiguration(
                    name: "page", match: .init(path: .exact("/")),
                    action: .respond(DemoPage.response(servers: servers.map { "\($0.address)" })))
            ] + adminRoutes + DemoRoute.all.map { $0.configuration(origins: origins) },
            upstreams: [
                UpstreamConfiguration(name: DemoRoute.upstream, servers: servers),
                UpstreamConfiguration(name: "admin", servers: [ServerConfiguration(address: admin)]),
            ],
            log: log, drain: drain)
    }

    /// The admin endpoint on the page's own origin. It decides by the same rules as on its own address who may do
    /// what: by token, `Host` and `Origin`, which the gateway passes on.
    private static var adminRoutes: [RouteConfiguration] {
        let paths = "live|stats|metrics|healthz|readyz|login|logout|reload|drain|connections|upstreams"
        return [
            RouteConfiguration(
                name: "dashboard", match: .init(path: .exact(dashboardPath)), action: .upstream("admin"),
                rewrite: .path("/"),
                responseHeaders: HeaderEdits(set: [
                    // The page shows the dashboard in a frame. No page of another origin may.
                    "content-security-policy": DashboardPage.contentSecurityPolicy(framedBy: "'self'")
                ])),
            RouteConfiguration(
                name: "admin", match: .init(path: .regex("/(\(paths))(/.*)?")), action: .upstream("admin")),
        ]
    }
}
