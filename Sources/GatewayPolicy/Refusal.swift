import GatewayConfig
public import HTTPTypes

/// Why a client gets no WebSocket: what it is answered before the upgrade, and how it is counted.
///
/// A server's own refusal is none of these; it goes through as it is.
public enum Refusal: Error, Equatable, Hashable, Sendable {
    /// No route matches.
    case noRoute
    /// No WebSocket was asked for on a route that serves only those.
    case notWebSocket
    /// A WebSocket was asked for by CONNECT on a route that answers such requests with success of its own.
    case noWebSocket
    /// The request breaks RFC 6455 §4.2.1 or RFC 9112; the text says how, in one line.
    case badRequest(String)
    /// HTTP without TLS on an address that speaks TLS.
    case plainHTTP
    /// `Sec-WebSocket-Version` is another than 13 (RFC 6455 §4.4).
    case unsupportedVersion
    /// The `Sec-WebSocket-Key1` and `Key2` handshake of the drafts before RFC 6455.
    case obsoleteHandshake
    /// The route's origins don't hold this one.
    case origin
    /// `limits.max_connections`.
    case maxConnections
    /// `limits.max_connections_per_ip`.
    case maxConnectionsPerIP
    /// The route's `max_connections`.
    case routeMaxConnections
    /// The route's `max_connections_per_ip`.
    case routeMaxConnectionsPerIP
    /// The route's `max_requests`.
    case routeMaxRequests
    /// The request's content is over the route's `max_body_size`.
    case bodyTooLarge
    /// The client stopped sending the request's content.
    case requestTimeout
    /// A plain CONNECT (RFC 9110 §9.3.6).
    case tunnel
    /// Every server that is left has its `max_connections`.
    case serverMaxConnections
    /// The gateway has no file descriptor, port or memory left for a connection to a server.
    case outOfResources
    /// The path is too long for the regular expression that decides its route.
    case uriTooLong
    /// `limits.max_handshakes_per_second`.
    case handshakeRate
    /// The gateway is on its way out.
    case draining
    /// Request line and fields over `limits.max_header_size`.
    case headerTooLarge
    /// The handshake was not done within `limits.handshake_timeout`.
    case handshakeTimeout
    /// Every server was tried, or none is there.
    case noServer
    /// No connection to a server came about.
    case connectFailed
    /// The server's answer is no valid handshake (RFC 6455 §4.1); the text, in one line, is for the log, the client
    /// gets a general one.
    case badAnswer(String)
    /// The server did not answer within `response_timeout`.
    case responseTimeout
    /// The command of the route could not be started.
    case commandFailed
    /// The request has passed this very gateway before (RFC 9110 §7.6.3).
    case loop

    /// The HTTP status code.
    public var status: Int {
        switch self {
        case .badRequest, .plainHTTP: 400
        case .origin: 403
        case .noRoute: 404
        case .noWebSocket, .tunnel: 405
        case .handshakeTimeout, .requestTimeout: 408
        case .bodyTooLarge: 413
        case .uriTooLong: 414
        case .notWebSocket, .unsupportedVersion, .obsoleteHandshake: 426
        case .handshakeRate: 429
        case .headerTooLarge: 431
        case .noServer, .connectFailed, .badAnswer, .commandFailed: 502
        case .maxConnections, .maxConnectionsPerIP, .routeMaxConnections, .routeMaxConnectionsPerIP,
            .routeMaxRequests, .serverMaxConnections, .outOfResources, .draining:
            503
        case .responseTimeout: 504
        case .loop: 508
        }
    }

    /// The name in `rejected_total`.
    public var key: String {
        switch self {
        case .noRoute: "no_route"
        case .notWebSocket: "not_websocket"
        case .noWebSocket: "no_websocket"
        case .badRequest: "bad_request"
        case .plainHTTP: "plain_http"
        case .unsupportedVersion: "unsupported_version"
        case .obsoleteHandshake: "obsolete_handshake"
        case .origin: "origin"
        case .maxConnections: "max_connections"
        case .maxConnectionsPerIP: "max_connections_per_ip"
        case .routeMaxConnections: "route_max_connections"
        case .routeMaxConnectionsPerIP: "route_max_connections_per_ip"
        case .routeMaxRequests: "route_max_requests"
        case .bodyTooLarge: "body_too_large"
        case .requestTimeout: "request_timeout"
        case .tunnel: "tunnel"
        case .serverMaxConnections: "server_max_connections"
        case .outOfResources: "out_of_resources"
        case .uriTooLong: "uri_too_long"
        case .handshakeRate: "handshake_rate"
        case .draining: "draining"
        case .headerTooLarge: "header_too_large"
        case .handshakeTimeout: "handshake_timeout"
        case .noServer: "no_server"
        case .connectFailed: "connect_failed"
        case .badAnswer: "bad_answer"
        case .responseTimeout: "response_timeout"
        case .commandFailed: "command_failed"
        case .loop: "loop"
        }
    }

    /// Every ``key``.
    public static let allKeys: [String] = [
        noRoute, notWebSocket, noWebSocket, badRequest(""), plainHTTP, unsupportedVersion, obsoleteHandshake, origin,
        maxConnections, maxConnectionsPerIP, routeMaxConnections, routeMaxConnectionsPerIP, routeMaxRequests,
        bodyTooLarge, requestTimeout, tunnel, serverMaxConnections, outOfResources, uriTooLong, handshakeRate,
        draining, headerTooLarge, handshakeTimeout, noServer, connectFailed, badAnswer(""), responseTimeout,
        commandFailed, loop,
    ].map(\.key)

    /// One line of plain text without its line end. Says nothing about the servers behind.
    public var body: String {
        switch self {
        case .noRoute: "no route matches this host and path"
        case .notWebSocket: "this address serves only WebSockets: send Upgrade: websocket (RFC 6455)"
        case .noWebSocket: "this address does not serve WebSockets: send GET"
        case .badRequest(let reason): Self.oneLine(reason)
        case .plainHTTP: "this port speaks TLS: use https:// or wss://"
        case .unsupportedVersion: "unsupported WebSocket version: send Sec-WebSocket-Version: 13 (RFC 6455)"
        case .obsoleteHandshake:
            "this handshake is from a draft of the protocol: send Sec-WebSocket-Version: 13 (RFC 6455)"
        case .origin: "pages of this origin may not connect here"
        case .maxConnections: "the gateway has reached its limit of connections; try again later"
        case .maxConnectionsPerIP: "your address has reached its limit of connections; close one first"
        case .routeMaxConnections: "this route has reached its limit of connections; try again later"
        case .routeMaxConnectionsPerIP:
            "your address has reached its limit of connections to this route; close one first"
        case .routeMaxRequests: "this route has reached its limit of requests in progress; try again later"
        case .bodyTooLarge: "the request's content is larger than this address accepts"
        case .requestTimeout: "the rest of the request's content did not arrive in time"
        case .tunnel: "this address does not open tunnels: CONNECT is for proxies"
        case .serverMaxConnections: "the servers have reached their limit of connections; try again later"
        case .outOfResources: "the gateway has no room for more connections; try again later"
        case .uriTooLong: "the path is too long for this gateway"
        case .handshakeRate: "the gateway gets too many handshakes a second; try again later"
        case .draining: "the gateway is shutting down; connect again"
        case .headerTooLarge: "the request's header fields are too large"
        case .handshakeTimeout: "the client did not complete the handshake in time"
        case .noServer: "no server is available"
        case .connectFailed: "the gateway could not connect to a server"
        case .badAnswer: "the gateway could not understand the server's answer"
        case .responseTimeout: "the server did not answer in time"
        case .commandFailed: "the gateway could not start the program of this address"
        case .loop: "this request has passed through this gateway before: the gateway's servers lead back to it"
        }
    }

    /// What the answer has to say beyond `Content-Type`, `Content-Length` and the request's id. `Upgrade` is a field
    /// of HTTP/1.1 alone, where `Connection: upgrade` goes with it (RFC 9110 §7.8, RFC 9113 §8.2.2).
    public var fields: HTTPFields {
        switch self {
        case .notWebSocket: [.upgrade: "websocket"]
        // A 426 has to say to what (RFC 9110 §15.5.22).
        case .unsupportedVersion, .obsoleteHandshake: [.upgrade: "websocket", .secWebSocketVersion: "13"]
        case .noWebSocket: [.allow: "GET, HEAD"]
        case .tunnel: [.allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"]
        case .handshakeRate, .draining: [.retryAfter: "1"]
        case .maxConnections, .maxConnectionsPerIP, .routeMaxConnections, .routeMaxConnectionsPerIP,
            .routeMaxRequests, .serverMaxConnections, .outOfResources:
            [.retryAfter: "5"]
        default: [:]
        }
    }

    /// Whether the HTTP/1.1 connection ends with the answer: after what was not understood nothing can be read.
    public var closesConnection: Bool {
        switch self {
        case .badRequest, .plainHTTP, .obsoleteHandshake, .headerTooLarge, .handshakeTimeout, .requestTimeout,
            .draining:
            true
        default: false
        }
    }

    /// At most 200 characters, so that nothing a client sent can break the answer or blow it up.
    private static func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(200).map { VisibleText.isHidden($0) ? " " : $0 }))
    }
}
