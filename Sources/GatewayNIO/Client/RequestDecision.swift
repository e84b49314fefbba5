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
    let listener: ListenerConfiguration
}

/// What becomes of a request: the way through routes, handshake rules, origins and caps, in that order.
enum RequestDecision {
    case refuse(Refusal, route: RouteConfiguration?)
    case redirect(status: Int, location: String)
    case respond(FixedResponse, body: ByteBuffer, edits: HeaderEdits)
    case proxy(ProxyDecision)

    static func make(
        _ request: GatewayRequest, _ generation: Generation, _ process: ProcessState, now: NIODeadline
    ) -> RequestDecision {
        let checked: CheckedRequest
        do throws(Refusal) {
            checked = try CheckedRequest(request.request, on: request.listener)
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
            listener: request.listener.name)
        let match: Generation.Route
        do throws(Refusal) {
            guard let found = try generation.route(for: routed) else { return .refuse(.noRoute, route: nil) }
            match = found
        } catch {
            return .refuse(error, route: nil)
        }
        let route = match.configuration
        switch route.action {
        case .redirect(let status, let location): return .redirect(status: status, location: location)
        case .respond(let response):
            // Success would open the tunnel that a CONNECT asks for (RFC 9113 §8.5, RFC 8441 §5).
            if http.method == .connect, (200...299).contains(response.status) {
                return .refuse(.noWebSocket, route: route)
            }
            return .respond(response, body: match.fixedBody ?? ByteBuffer(), edits: route.responseHeaders)
        case .upstream, .command: break
        }

        let upgrade: UpgradeRequest
        switch legacy?.outcome(on: route) ?? outcome {
        case .upgrade(let request): upgrade = request
        case .notWebSocket: return .refuse(.notWebSocket, route: route)
        case .refused(let refusal): return .refuse(Refusal(refusal), route: route)
        }
        guard OriginCheck.allows(upgrade.origin, policy: route.origins) else { return .refuse(.origin, route: route) }
        let forwarded = ForwardedFields(
            peer: request.peer, host: http.authority ?? "", isTLS: request.isTLS, fields: http.headerFields,
            trusted: request.listener.trustedProxies)
        if request.listener.via, ViaField.names(process.pseudonym, in: http.headerFields) {
            return .refuse(.loop, route: route)
        }
        guard let destination = match.destination else { return .refuse(.noServer, route: route) }
        let admission = process.admission.admit(
            route: route, limits: generation.configuration.limits, clientAddress: forwarded.clientAddress, now: now)
        switch admission {
        case .failure(let refusal):
            return .refuse(refusal, route: route)
        case .success(let permit):
            let negotiation = NegotiationPlan(
                settings: route.session.compression, clientOffers: upgrade.extensionOffers,
                allowance: CompressionAllowance(process.compressionMemory, settings: route.session.compression))
            return .proxy(
                ProxyDecision(
                    upgrade: upgrade, target: checked.target, route: route, liveRoute: match.live,
                    destination: destination,
                    permit: permit, forwarded: forwarded, negotiation: negotiation, requestID: request.id,
                    via: request.listener.via
                        ? ViaField.element(version: request.version.number, pseudonym: process.pseudonym) : nil))
        }
    }
}

/// Where a route leads.
enum Destination: Sendable {
    case upstream(Upstream)
    case command(Command)
}

/// A WebSocket that may be opened, if a server agrees.
struct ProxyDecision {
    let upgrade: UpgradeRequest
    let target: RequestTarget
    let route: RouteConfiguration
    let liveRoute: LiveRoute
    let destination: Destination
    let permit: Permit
    let forwarded: ForwardedFields
    let negotiation: NegotiationPlan
    let requestID: String
    /// This gateway's element of `Via`; nil: it keeps silent.
    let via: String?

    /// The server that the client's cookie asks for.
    var stickyServer: Address? {
        guard case .upstream(let upstream) = destination else { return nil }
        return upstream.sticky?.server(in: upgrade.request.headerFields)
    }

    /// What the upstream's `balance: hash` goes by; 0 where it has none.
    var selectionKey: UInt64 {
        guard case .upstream(let upstream) = destination, case .hash(let source) = upstream.configuration.balance else {
            return 0
        }
        return SelectionKey.make(
            source, target: target, authority: upgrade.request.authority ?? "", fields: upgrade.request.headerFields,
            client: forwarded.clientAddress)
    }

    /// Those that any server is to see, without what belongs to the handshake.
    var fieldsForServer: HTTPFields {
        var fields = HeaderFilter.request(upgrade.request.headerFields, edits: route.requestHeaders)
        forwarded.apply(to: &fields)
        fields.setFolding(.xRequestID, to: requestID)
        if let via { fields.append(HTTPField(name: .via, value: via)) }
        return fields
    }

    /// The request as the server is to see it. What belongs to the handshake of either HTTP version is added by whoever
    /// sends it.
    func upstreamRequest(to upstream: Upstream) -> UpstreamRequest {
        var fields = fieldsForServer
        // The route may set Host; it is no field of the value, but the request's authority.
        let host: String? =
            switch (fields[.hostField], upstream.configuration.host) {
            case (let host?, _): host
            case (nil, .client): upgrade.request.authority ?? ""
            case (nil, .upstream): nil
            case (nil, .name(let name)): name
            }
        fields[.hostField] = nil
        return UpstreamRequest(
            path: PathRewriter.rewrite(target, by: route.rewrite), host: host ?? "", namesServer: host == nil,
            fields: fields,
            clientKey: upgrade.key, subprotocols: upgrade.subprotocols, extensions: negotiation.serverOffers)
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
