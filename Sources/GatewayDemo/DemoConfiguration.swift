import GatewayConfig

/// What the demo's gateway runs with: a configuration as a file would give it, made in code.
public enum DemoConfiguration {
    /// The routes `/` (the page), `/echo` and `/chat` (the backend) on a TLS listener of the loopback interface.
    ///
    /// Only pages of the listener's own origin may open a WebSocket: another site in the same browser cannot
    /// reach the demo (RFC 6455 §10.2). Clients that send no `Origin`, such as command-line tools, can.
    ///
    /// - Parameters:
    ///   - port: The listener's port, 1 to 65535: origins name it, so 0 does not work here.
    ///   - adminPort: The admin endpoint's port.
    ///   - backendPort: Where `DemoBackend` listens.
    ///   - certificate: What `DemoCertificate.make(in:now:)` returned.
    public static func make(
        port: Int, adminPort: Int, backendPort: Int, certificate: CertificateFiles
    ) -> GatewayConfiguration {
        let hosts = ["localhost", "127.0.0.1", "[::1]"]
        let origins = OriginPolicy(
            allowed: hosts.map { port == 443 ? "https://\($0)" : "https://\($0):\(port)" }, allowMissing: true)

        func proxied(_ name: String, path: String) -> RouteConfiguration {
            RouteConfiguration(
                name: name, match: .init(path: .exact(path)), action: .upstream("backend"), origins: origins)
        }

        var log = LogConfiguration()
        log.format = .text
        return GatewayConfiguration(
            listeners: [
                ListenerConfiguration(
                    name: "demo", address: .tcp(host: "127.0.0.1", port: port),
                    tls: ListenerTLS(certificates: [certificate]))
            ],
            admin: AdminConfiguration(address: .tcp(host: "127.0.0.1", port: adminPort)),
            routes: [
                RouteConfiguration(
                    name: "page", match: .init(path: .exact("/")),
                    action: .respond(DemoPage.response(adminPort: adminPort))),
                proxied("echo", path: DemoBackend.echoPath),
                proxied("chat", path: DemoBackend.chatPath),
            ],
            upstreams: [
                UpstreamConfiguration(
                    name: "backend",
                    servers: [ServerConfiguration(address: .tcp(host: "127.0.0.1", port: backendPort))])
            ],
            log: log)
    }
}
