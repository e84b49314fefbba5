public import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTLS
import GatewayTelemetry
import NIOCore
import PerMessageDeflate

/// One validated configuration, compiled: how requests are decided on from when it comes into force until the next one
/// does. Immutable. A handshake keeps the one it began with.
public final class Generation: Sendable {
    public let configuration: GatewayConfiguration
    private let table: RouteTable
    /// In the order of the table.
    private let routes: [Route]
    private let listeners: [String: CompiledListener]
    /// By name.
    let upstreams: [String: Upstream]

    /// One route, and where it leads. Requests hold it as long as they are under way: a reference, as a copy of all that
    /// a configuration says of a route would cost each of them more than finding it.
    final class Route: Sendable {
        let configuration: RouteConfiguration
        /// What holds for its WebSockets.
        let rules: SessionRules
        let live: LiveRoute
        /// What a `respond:` route answers with: once, however many have not read it yet.
        let fixedBody: ByteBuffer?
        /// Where its WebSockets go; nil: it has none.
        let destination: Destination?

        fileprivate init(
            configuration: RouteConfiguration, live: LiveRoute, fixedBody: ByteBuffer?, destination: Destination?
        ) {
            self.configuration = configuration
            rules = SessionRules(configuration.session)
            self.live = live
            self.fixedBody = fixedBody
            self.destination = destination
        }
    }

    /// - Parameter previous: the generation in force. What has not changed since is taken over from it.
    /// - Throws: `TLSMaterialError` for certificates and keys that can't be used.
    public init(
        _ configuration: GatewayConfiguration, process: ProcessState, previous: Generation? = nil
    ) throws {
        self.configuration = configuration
        table = RouteTable(routes: configuration.routes)
        var upstreams: [String: Upstream] = [:]
        for upstream in configuration.upstreams {
            upstreams[upstream.name] = try Upstream(
                upstream, live: process.upstream(upstream.name), previous: previous?.upstreams[upstream.name])
        }
        self.upstreams = upstreams
        routes = configuration.routes.map { route in
            var body: ByteBuffer?
            var destination: Destination?
            switch route.action {
            case .respond(let response): body = ByteBuffer(string: response.body)
            case .upstream(let name): destination = upstreams[name].map(Destination.upstream)
            case .command(let command): destination = .command(Command(command))
            case .redirect: break
            }
            return Route(
                configuration: route, live: process.route(route.name), fixedBody: body, destination: destination)
        }
        var listeners: [String: CompiledListener] = [:]
        for listener in configuration.listeners {
            listeners[listener.name] = try CompiledListener(listener, previous: previous?.listeners[listener.name])
        }
        self.listeners = listeners
    }

    /// The most specific route that matches; nil: none does.
    ///
    /// - Throws: what ``RouteTable/match(_:)`` does.
    func route(for request: RoutedRequest) throws(Refusal) -> Route? {
        try table.match(request).map { routes[$0] }
    }

    func listener(_ name: String) -> CompiledListener? { listeners[name] }

    /// Those of a configuration, in its order.
    var allListeners: [CompiledListener] { configuration.listeners.compactMap { listeners[$0.name] } }

    /// Makes known what the live things are to go by from now on.
    func comeIntoForce(in process: ProcessState) {
        process.compressionMemory.limit = configuration.limits.compressionMemory
        process.telemetry.maxConnections.set(configuration.limits.maxConnections)
        process.telemetry.compressionMemoryLimit.set(configuration.limits.compressionMemory)
        for listener in configuration.listeners {
            process.telemetry.expect(
                listener: listener.name,
                tlsFailures: listener.tls == nil ? [] : TLSFailure.Kind.ofClients.map(\.key))
        }
        let now = NIODeadline.now()
        for upstream in upstreams.values {
            for entry in upstream.newEntries { entry.joined(now: now) }
        }
        for route in routes {
            route.live.counters.maxConnections.set(route.configuration.maxConnections)
            route.live.counters.maxRequests.set(route.configuration.maxRequests)
            if case .command = route.destination { route.live.counters.hasCommands.set(1) }
        }
    }
}

/// One listener of a generation, and its certificates.
final class CompiledListener: Sendable {
    let configuration: ListenerConfiguration
    /// nil: cleartext.
    let tls: RenewedTLS?

    /// The same settings go on with the same certificates, once their files have been looked at. Blocks.
    init(_ configuration: ListenerConfiguration, previous: CompiledListener?) throws {
        self.configuration = configuration
        guard let tls = configuration.tls else {
            self.tls = nil
            return
        }
        let isSame = previous?.configuration.tls == tls && previous?.configuration.protocols == configuration.protocols
        do {
            if isSame, let known = previous?.tls {
                try known.renewNow()
                self.tls = known
            } else {
                self.tls = try RenewedTLS(tls, protocols: configuration.protocols, previous: previous?.tls)
            }
        } catch {
            throw TLSMaterialError(place: "listener \(configuration.name)", reason: "\(error)")
        }
    }
}
