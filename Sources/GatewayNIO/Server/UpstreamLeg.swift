import GatewayPolicy
import GatewaySession
import HTTPTypes
import NIOCore
import WebSocketCore

/// A WebSocket as a server is asked for it, over either HTTP version.
struct UpstreamRequest {
    var path: String
    var host: String
    /// Whether the server's own name is to become the host.
    var namesServer = false
    /// Without those that belong to the handshake itself.
    var fields: HTTPFields
    /// The client's `Sec-WebSocket-Key`; nil: it came over HTTP/2.
    var clientKey: String?
    var subprotocols: [String]
    var extensions: [ExtensionOffer]
}

/// What a server agreed to.
struct UpstreamAgreement {
    var subprotocol: String?
    var extensions: [ExtensionOffer]
}

/// One request to a server under way: an HTTP/1.1 connection of its own, or a stream of an HTTP/2 connection that others
/// share.
protocol UpstreamLeg: AnyObject {
    var version: LegVersion { get }
    /// What the server agreed to; nil when it refused.
    ///
    /// - Throws: `AnswerViolation` for an agreement that is none.
    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement?
    /// Holds back or goes on reading a refusal's body, at the pace of the client.
    func setMayRead(_ mayRead: Bool)
    /// Nobody waits for it any more.
    func giveUp()
    /// Makes the session's leg of it; bytes that came behind the answer are its first.
    ///
    /// - Throws: when the connection closed this very moment.
    func relay(with driver: SessionDriver) throws
}

protocol UpstreamHandshakeDelegate: AnyObject {
    func handshake(_ leg: any UpstreamLeg, answered response: HTTPResponse)
    /// The answer is none that could be passed on.
    func handshake(_ leg: any UpstreamLeg, answeredBadly reason: String)
    func handshake(_ leg: any UpstreamLeg, body: ByteBuffer)
    func handshakeEndedResponse(_ leg: any UpstreamLeg, isWhole: Bool)
    /// No connection came about.
    func handshake(_ leg: any UpstreamLeg, failedWith error: any Error)
    /// There was a connection, or a stream, and it ended before the answer did.
    func handshakeBrokeOff(_ leg: any UpstreamLeg, reason: String)
    /// The server has no WebSockets over HTTP/2.
    func handshakeLacksHTTP2(_ leg: any UpstreamLeg, reason: String)
    /// The server never looked at it, and is not to blame; `refusal` is for the client if nobody else does.
    func handshakeNotProcessed(_ leg: any UpstreamLeg, _ refusal: Refusal, reason: String)
    func handshakeTimedOut(_ leg: any UpstreamLeg)
}
