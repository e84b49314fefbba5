import GatewayConfig
import GatewayPolicy
import GatewaySession
import HTTPTypes
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// A request as it arrived on a listener, over either HTTP version.
struct GatewayRequest {
    let request: HTTPRequest
    let version: LegVersion
    let id: String
    /// Whoever is at the other end of the connection.
    let peer: ClientAddress
    let isTLS: Bool
    let listener: CompiledListener
    let content: RequestContent
}

/// What becomes of a request: the way through routes, handshake rules and origins, in that order. Caps come behind it.
enum RequestDecision {
    case refuse(Refusal, route: RouteConfiguration?)
    case redirect(status: Int, location: String, route: RouteConfiguration)
    case respond(FixedResponse, body: ByteBuffer, route: RouteConfiguration)
    case proxy(OutgoingRequest, UpgradeRequest)
    case forward(ForwardDecision)

    static func make(
        _ request: GatewayRequest, _ generation: Generation, _ loop: LoopContext
    ) -> RequestDecision {
        let checked: CheckedRequest
        do throws(Refusal) {
            checked = try CheckedRequest(request.request, on: request.listener.configuration)
        } catch {
            return .refuse(error, route: nil)
        }
        let http = checked.request
        let outcome =
            switch request.version {
            case .http1: ServerHandshake.judge(http)
            case .http2: ServerHandshake.judgeExtendedConnect(http)
            }
        let legacy = LegacyHandshake.judge(http, refused: outcome, version: request.version)
        var subprotocols: [String] = []
        if case .upgrade(let upgrade) = outcome { subprotocols = upgrade.subprotocols }
        if case .success(let upgrade) = legacy?.result { subprotocols = upgrade.subprotocols }
        let routed = RoutedRequest(
            host: checked.authority, target: checked.target, fields: http.headerFields, subprotocols: subprotocols,
            listener: request.listener.configuration.name)
        let match: Generation.Route
        do throws(Refusal) {
            guard let found = try generation.route(for: routed) else { return .refuse(.noRoute, route: nil) }
            match = found
        } catch {
            return .refuse(error, route: nil)
        }
        var route: RouteConfiguration { match.configuration }
        switch route.action {
        case .redirect(let status, let location):
            return .redirect(status: status, location: location, route: route)
        case .respond(let response):
            // Success would open the tunnel that a CONNECT asks for (RFC 9113 §8.5, RFC 8441 §5).
            if http.method == .connect, (200...299).contains(response.status) {
                return .refuse(.noWebSocket, route: route)
            }
            return .respond(response, body: match.fixedBody ?? ByteBuffer(), route: route)
        case .upstream, .command: break
        }

        var upgrade: UpgradeRequest?
        switch legacy?.outcome(on: route) ?? outcome {
        case .upgrade(let request): upgrade = request
        case .notWebSocket:
            guard route.http, case .upstream = route.action else { return .refuse(.notWebSocket, route: route) }
            // A tunnel is asked for, which nobody here gives (RFC 9110 §9.3.6).
            guard http.method != .connect else { return .refuse(.tunnel, route: route) }
        case .refused(let refusal): return .refuse(Refusal(refusal), route: route)
        }
        guard isOriginAllowed(upgrade, http, on: route) else { return .refuse(.origin, route: route) }
        let forwarded = ForwardedFields(
            peer: request.peer, host: http.authority ?? "", isTLS: request.isTLS, fields: http.headerFields,
            trusted: request.listener.configuration.trustedProxies)
        let hasVia = request.listener.configuration.via
        if hasVia, ViaField.names(loop.process.pseudonym, in: http.headerFields) {
            return .refuse(.loop, route: route)
        }
        guard let destination = match.destination else { return .refuse(.noServer, route: route) }
        let outgoing = OutgoingRequest(
            request: upgrade?.request ?? http, target: checked.target, matched: match,
            destination: destination,
            forwarded: forwarded, requestID: request.id,
            trace: TraceContext.take(from: http.headerFields, random: loop.randomIdentifier),
            via: hasVia
                ? ViaField.element(version: request.version.number, pseudonym: loop.process.pseudonym) : nil)
        guard let upgrade else { return forward(outgoing, request.content) }
        return .proxy(outgoing, upgrade)
    }

    /// A page of another origin may neither open WebSockets nor send other requests, where the route says which may. A
    /// browser names the origin of a plain request only where it can do harm.
    private static func isOriginAllowed(
        _ upgrade: UpgradeRequest?, _ request: HTTPRequest, on route: RouteConfiguration
    ) -> Bool {
        if let upgrade { return OriginCheck.allows(upgrade.origin, policy: route.origins) }
        let origins = request.headerFields[values: .origin]
        return origins.allSatisfy { $0.isEmpty || OriginCheck.allows($0, policy: route.origins) }
    }

    private static func forward(_ outgoing: OutgoingRequest, _ content: RequestContent) -> RequestDecision {
        guard case .upstream(let upstream) = outgoing.destination else {
            return .refuse(.notWebSocket, route: outgoing.route)
        }
        let maxBodySize = outgoing.route.maxBodySize
        if maxBodySize > 0, case .length(let length) = content, length > maxBodySize {
            return .refuse(.bodyTooLarge, route: outgoing.route)
        }
        return .forward(ForwardDecision(outgoing: outgoing, upstream: upstream, content: content))
    }
}

extension LegacyHandshake {
    /// What a request is that speaks a draft; nil: it is refused for nothing that a draft would change. Drafts are of
    /// HTTP/1.1.
    fileprivate static func judge(
        _ request: HTTPRequest, refused outcome: ServerHandshake.Outcome, version: LegVersion
    ) -> Judgement? {
        guard version == .http1, case .refused(let refusal) = outcome, refusal.kind != .badRequest else { return nil }
        return judge(request)
    }
}

extension LegacyHandshake.Judgement {
    /// nil: the route does not take that draft.
    fileprivate func outcome(on route: RouteConfiguration) -> ServerHandshake.Outcome? {
        guard route.legacyVersions.contains(where: { $0.rawValue == draft.rawValue }) else { return nil }
        switch result {
        case .success(let upgrade): return .upgrade(upgrade)
        case .failure(let refusal): return .refused(refusal)
        }
    }
}

extension Refusal {
    init(_ refusal: HandshakeRefusal) {
        switch refusal.kind {
        case .badRequest: self = .badRequest(refusal.message)
        case .unsupportedVersion: self = .unsupportedVersion
        case .obsoleteKey1Key2: self = .obsoleteHandshake
        }
    }
}

extension HTTPField.Name {
    static let xRequestID = known("X-Request-Id")
    static let hostField = known("Host")

    /// For literals that are tokens; the fallback is never taken.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}

extension HTTPFields {
    mutating func append(contentsOf fields: HTTPFields) {
        for field in fields { append(field) }
    }
}
