import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Refusals before the upgrade")
struct RefusalTests {
    @Test(
        arguments: [
            (.noRoute, 404, "no_route", [:]),
            (.notWebSocket, 426, "not_websocket", [.upgrade: "websocket"]),
            (.badRequest("Sec-WebSocket-Key is missing"), 400, "bad_request", [:]),
            (.unsupportedVersion, 426, "unsupported_version", [.upgrade: "websocket", .secWebSocketVersion: "13"]),
            (.obsoleteHandshake, 426, "obsolete_handshake", [.upgrade: "websocket", .secWebSocketVersion: "13"]),
            (.noWebSocket, 405, "no_websocket", [.allow: "GET, HEAD"]), (.loop, 508, "loop", [:]),
            (.origin, 403, "origin", [:]),
            (.maxConnections, 503, "max_connections", [.retryAfter: "5"]),
            (.maxConnectionsPerIP, 503, "max_connections_per_ip", [.retryAfter: "5"]),
            (.routeMaxConnections, 503, "route_max_connections", [.retryAfter: "5"]),
            (.routeMaxConnectionsPerIP, 503, "route_max_connections_per_ip", [.retryAfter: "5"]),
            (.serverMaxConnections, 503, "server_max_connections", [.retryAfter: "5"]),
            (.outOfResources, 503, "out_of_resources", [.retryAfter: "5"]),
            (.uriTooLong, 414, "uri_too_long", [:]),
            (.handshakeRate, 429, "handshake_rate", [.retryAfter: "1"]),
            (.draining, 503, "draining", [.retryAfter: "1"]),
            (.plainHTTP, 400, "plain_http", [:]),
            (.headerTooLarge, 431, "header_too_large", [:]),
            (.handshakeTimeout, 408, "handshake_timeout", [:]),
            (.noServer, 502, "no_server", [:]),
            (.connectFailed, 502, "connect_failed", [:]),
            (.badAnswer("Sec-WebSocket-Accept is wrong"), 502, "bad_answer", [:]),
            (.responseTimeout, 504, "response_timeout", [:]),
            (.commandFailed, 502, "command_failed", [:]),
        ] as [(Refusal, Int, String, HTTPFields)])
    func answers(refusal: Refusal, status: Int, key: String, fields: HTTPFields) {
        #expect(refusal.status == status)
        #expect(refusal.key == key)
        #expect(refusal.fields == fields)
        #expect(Refusal.allKeys.contains(key))
        #expect(!refusal.body.isEmpty)
        #expect(refusal.body.split(whereSeparator: \.isNewline).count == 1)
    }

    @Test func everyKeyIsThereOnce() {
        #expect(Set(Refusal.allKeys).count == Refusal.allKeys.count)
        #expect(Refusal.allKeys.count == 29)
    }

    @Test func aReasonStaysOneBoundedLine() {
        #expect(Refusal.badRequest("a\r\nX-Injected: b").body == "a  X-Injected: b")
        #expect(Refusal.badRequest(String(repeating: "x", count: 10_000)).body.utf8.count == 200)
    }

    @Test func aServersFaultIsNotToldToTheClient() {
        #expect(!Refusal.badAnswer("10.0.0.5 answered nonsense").body.contains("10.0.0.5"))
    }

    @Test(
        arguments: [
            (.badRequest("x"), true), (.headerTooLarge, true), (.handshakeTimeout, true), (.draining, true),
            (.noRoute, false), (.origin, false), (.notWebSocket, false), (.maxConnections, false),
        ] as [(Refusal, Bool)])
    func connectionsThatEnd(refusal: Refusal, closes: Bool) {
        #expect(refusal.closesConnection == closes)
    }
}
