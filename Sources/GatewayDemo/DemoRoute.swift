import GatewayConfig

/// A route of the demo for WebSockets: where it is, and which setting it is there to show.
struct DemoRoute: Sendable {
    /// The upstream that all of them lead to.
    static let upstream = "backend"

    let name: String
    let path: String
    /// What its servers are asked for; nil: the same path.
    var serverPath: String?
    var maxConnectionsPerIP = 0
    var session = SessionSettings()

    /// Every one, in the order of the page.
    static let all: [DemoRoute] =
        [
            DemoRoute(name: "echo", path: DemoBackend.echoPath),
            DemoRoute(name: "chat", path: DemoBackend.chatPath),
            DemoRoute(name: "server", path: DemoBackend.serverPath),
            echo("compression-on", path: "/compression/on") { _ in },
            echo("compression-off", path: "/compression/off") { $0.compression.mode = .off },
            echo("limit-size", path: "/limit/size") { $0.maxMessageSize = 1024 },
            echo("limit-ratio", path: "/limit/ratio") { $0.compression.maxRatio = 20 },
            echo("limit-idle", path: "/limit/idle") { $0.idleTimeout = .seconds(3) },
            DemoRoute(
                name: "limit-connections", path: "/limit/connections", serverPath: DemoBackend.echoPath,
                maxConnectionsPerIP: 3),
        ] + BackendFault.allCases.map { DemoRoute(name: "fault-\($0.rawValue)", path: $0.path) }

    private static func echo(_ name: String, path: String, _ adjust: (inout SessionSettings) -> Void) -> DemoRoute {
        var route = DemoRoute(name: name, path: path, serverPath: DemoBackend.echoPath)
        adjust(&route.session)
        return route
    }

    func configuration(origins: OriginPolicy) -> RouteConfiguration {
        RouteConfiguration(
            name: name, match: .init(path: .exact(path)), action: .upstream(Self.upstream),
            rewrite: serverPath.map { .path($0) }, origins: origins, maxConnectionsPerIP: maxConnectionsPerIP,
            session: session)
    }
}
