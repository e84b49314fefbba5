import GatewaySession
import HTTPTypes
import NIOCore
import WebSocketCore

/// Client role over HTTP/2 (RFC 8441 §5): one WebSocket asked for on a stream of a shared connection, until a session
/// takes the stream over.
final class HTTP2UpstreamWebSocket: HTTP2UpstreamStream, WebSocketLeg {
    override var asWebSocket: (any WebSocketLeg)? { self }
    private let subprotocols: [String]

    init(request: UpstreamRequest, pool: HTTP2Pool, delegate: any UpstreamLegDelegate) {
        subprotocols = request.subprotocols
        var head = HTTPRequest(
            method: .connect, scheme: pool.transport.tls != nil ? "https" : "http", authority: request.host,
            path: request.path, headerFields: request.fields)
        head.extendedConnectProtocol = "websocket"
        head.headerFields.append(
            contentsOf: ClientHandshake.requestFields(
                key: nil, subprotocols: request.subprotocols, extensions: request.extensions))
        super.init(
            head: head, endsStream: false, isForWebSocket: true, timeout: pool.responseTimeout, pool: pool,
            delegate: delegate)
    }

    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement? {
        guard response.status.kind == .successful else { return nil }
        let (subprotocol, extensions) = try ClientHandshake.verifyExtendedConnect(
            status: response.status.code, fields: response.headerFields, offeredSubprotocols: subprotocols)
        return UpstreamAgreement(subprotocol: subprotocol, extensions: extensions)
    }

    func relay(with driver: SessionDriver) throws {
        let (stream, handler) = try handOver()
        _ = HTTP2Leg(.server, on: stream, of: handler, driver: driver)
    }
}
