import GatewayConfig
import GatewayPolicy
import GatewaySession
import HTTPTypes
import WebSocketCore

/// Where a route leads.
enum Destination: Sendable {
    case upstream(Upstream)
    case command(Command)
}

/// A request that a route leads somewhere, and what its server is to know of it.
///
/// It is handed on from state to state, and so a reference.
final class OutgoingRequest {
    let request: HTTPRequest
    let target: RequestTarget
    private let matched: Generation.Route
    let destination: Destination
    let forwarded: ForwardedFields
    let requestID: String
    let trace: TraceContext
    /// This gateway's element of `Via`; nil: it keeps silent.
    let via: String?

    init(
        request: HTTPRequest, target: RequestTarget, matched: Generation.Route,
        destination: Destination,
        forwarded: ForwardedFields, requestID: String, trace: TraceContext, via: String?
    ) {
        self.request = request
        self.target = target
        self.matched = matched
        self.destination = destination
        self.forwarded = forwarded
        self.requestID = requestID
        self.trace = trace
        self.via = via
    }

    var route: RouteConfiguration { matched.configuration }
    var rules: SessionRules { matched.rules }
    var liveRoute: LiveRoute { matched.live }

    /// What the choice of a server goes by: the server that the client's cookie asks for, and what the upstream's
    /// `balance: hash` takes.
    func choice(in upstream: Upstream) -> UpstreamAttempt.Choice {
        var choice = UpstreamAttempt.Choice(preferred: upstream.sticky?.server(in: request.headerFields), key: 0)
        if case .hash(let source) = upstream.configuration.balance {
            choice.key = SelectionKey.make(
                source, target: target, authority: request.authority ?? "", fields: request.headerFields,
                client: forwarded.clientAddress)
        }
        return choice
    }

    /// The cookie that brings the client back to a server; nil: none is needed.
    func stickyCookie(for server: LiveServer, isTLS: Bool) -> HTTPField? {
        guard case .upstream(let upstream) = destination, let sticky = upstream.sticky else { return nil }
        return sticky.field(for: server.address, known: sticky.server(in: request.headerFields), isTLS: isTLS)
    }

    /// The path that the server sees.
    var path: String { PathRewriter.rewrite(target, by: route.rewrite) }

    /// The request's fields as any server is to see them, without what belongs to a handshake. `Host` is among them where
    /// the route sets it.
    var fieldsForServer: HTTPFields {
        var fields = HeaderFilter.request(request.headerFields, edits: route.requestHeaders)
        forwarded.apply(
            to: &fields, strippedPrefix: PathRewriter.strippedPrefix(of: target, by: route.rewrite))
        fields.setFolding(.xRequestID, to: requestID)
        trace.apply(to: &fields)
        if let via { fields.append(HTTPField(name: .via, value: via)) }
        return fields
    }

    /// Those without `Host`, and the host that a server of this upstream is to be asked by; nil: its own name.
    func head(for upstream: Upstream) -> (fields: HTTPFields, host: String?) {
        var fields = fieldsForServer
        // The route may set Host; it is no field of the value, but the request's authority.
        let host: String? =
            switch (fields[.hostField], upstream.configuration.host) {
            case (let host?, _): host
            case (nil, .client): request.authority ?? ""
            case (nil, .upstream): nil
            case (nil, .name(let name)): name
            }
        fields[.hostField] = nil
        return (fields, host)
    }
}

/// A WebSocket that has its place, and may be opened if a server agrees.
final class ProxyDecision {
    let outgoing: OutgoingRequest
    let upgrade: UpgradeRequest
    let permit: Permit
    let negotiation: NegotiationPlan

    init(
        outgoing: OutgoingRequest, upgrade: UpgradeRequest, permit: Permit, negotiation: NegotiationPlan
    ) {
        self.outgoing = outgoing
        self.upgrade = upgrade
        self.permit = permit
        self.negotiation = negotiation
    }

    var route: RouteConfiguration { outgoing.route }

    /// The request as the server is to see it. What belongs to the handshake of either HTTP version is added by whoever
    /// sends it.
    func upstreamRequest(to upstream: Upstream) -> UpstreamRequest {
        let (fields, host) = outgoing.head(for: upstream)
        return UpstreamRequest(
            path: outgoing.path, host: host ?? "", namesServer: host == nil, fields: fields, clientKey: upgrade.key,
            subprotocols: upgrade.subprotocols, extensions: negotiation.serverOffers)
    }
}

/// A plain request that may go to a server, if there is a place for it.
struct ForwardDecision {
    let outgoing: OutgoingRequest
    let upstream: Upstream
    let content: RequestContent

    var route: RouteConfiguration { outgoing.route }

    /// The request as the server is to see it.
    func plainRequest() -> PlainRequest {
        var (fields, host) = outgoing.head(for: upstream)
        // Trailers are passed on, which is for each hop to say (RFC 9110 §10.1.4).
        if TokenList.contains(outgoing.request.headerFields[values: .te], token: "trailers") {
            fields[.te] = "trailers"
        }
        return PlainRequest(
            method: outgoing.request.method, path: outgoing.path, host: host ?? "", namesServer: host == nil,
            fields: fields, content: content)
    }
}

extension OutgoingRequest {
    /// A server's response, as the client is to see it. Its content goes with it as it is.
    func response(_ response: HTTPResponse, date: String) -> HTTPResponse {
        var response = response
        var fields = HeaderFilter.response(response.headerFields, edits: route.responseHeaders, isHandshake: false)
        // What a 426 asks for is part of the answer (RFC 9110 §15.5.22), which `Upgrade` is not otherwise.
        if response.status.code == 426, let wanted = response.headerFields[.upgrade] { fields[.upgrade] = wanted }
        if fields[.date] == nil { fields[.date] = date }
        ResponseRestoration.apply(to: &fields, by: route.rewrite, host: request.authority ?? "")
        if fields[.xRequestID] == nil { fields[.xRequestID] = requestID }
        response.headerFields = fields
        return response
    }
}
