import GatewayPolicy
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
    /// The `Sec-WebSocket-Accept` of the client's own key; nil: the server was asked with another key, or with none.
    var accept: String?
}

/// A request that is no WebSocket's, as a server is to get it, over either HTTP version.
struct PlainRequest {
    var method: HTTPRequest.Method
    var path: String
    var host: String
    /// Whether the server's own name is to become the host.
    var namesServer = false
    /// Without `Host`, and without those that say where the content ends.
    var fields: HTTPFields
    var content: RequestContent
}

/// Whether a request has content, as its client has framed it (RFC 9112 §6, RFC 9113 §8.1).
enum RequestContent: Equatable {
    /// None follows. `isTold`: the client said so with `Content-Length: 0`.
    case none(isTold: Bool)
    /// That many bytes, at least one, follow.
    case length(Int)
    /// It goes on until its end.
    case open
}

/// One request to a server under way: an HTTP/1.1 connection, or a stream of an HTTP/2 connection that others share.
protocol UpstreamLeg: AnyObject {
    var version: LegVersion { get }
    /// Holds back or goes on reading a response's content, at the pace of the client.
    func setMayRead(_ mayRead: Bool)
    /// Nobody waits for it any more.
    func giveUp()
    /// What it is: a cast at run time would cost a small request a tenth of its instructions.
    var asWebSocket: (any WebSocketLeg)? { get }
    var asRequest: (any RequestLeg)? { get }
}

extension UpstreamLeg {
    var asWebSocket: (any WebSocketLeg)? { nil }
    var asRequest: (any RequestLeg)? { nil }
}

/// A WebSocket under way.
protocol WebSocketLeg: UpstreamLeg {
    /// What the server agreed to; nil when it refused.
    ///
    /// - Throws: `AnswerViolation` for an agreement that is none.
    func agreement(in response: HTTPResponse) throws(AnswerViolation) -> UpstreamAgreement?
    /// Makes the session's leg of it; bytes that came behind the answer are its first.
    ///
    /// - Throws: when the connection closed this very moment.
    func relay(with driver: SessionDriver) throws
}

/// A plain request under way. Its head goes out by itself as soon as there is a connection.
protocol RequestLeg: UpstreamLeg {
    /// The connection carried other requests before: one that breaks at once may have been broken already.
    var isReused: Bool { get }
    /// Whether anything of an answer has come.
    var hasAnswerBegun: Bool { get }
    /// Whether some of the content has been given: it can't be given again.
    var hasSentContent: Bool { get }
    /// Whether content may be given now: false before the head has gone. Its delegate is told when it becomes true.
    var isWritable: Bool { get }
    func send(_ bytes: ByteBuffer)
    /// The content is whole. Not called for a request without content.
    func endContent(trailers: HTTPFields?)
    /// Nothing more has come for now: what was given is sent.
    func flush()
}

protocol UpstreamLegDelegate: AnyObject {
    /// An interim response (1xx other than 101); a request's alone.
    func leg(_ leg: any UpstreamLeg, informed response: HTTPResponse)
    func leg(_ leg: any UpstreamLeg, answered response: HTTPResponse)
    /// The answer is none that could be passed on.
    func leg(_ leg: any UpstreamLeg, answeredBadly reason: String)
    func leg(_ leg: any UpstreamLeg, content: ByteBuffer)
    /// `isWhole`: false when the server broke off inside its response.
    func legEndedResponse(_ leg: any UpstreamLeg, isWhole: Bool, trailers: HTTPFields?)
    /// Nothing more has come for now.
    func legReadComplete(_ leg: any UpstreamLeg)
    /// The head of a plain request has gone, or `RequestLeg.isWritable` has become true again.
    func legIsWritable(_ leg: any UpstreamLeg)
    /// No connection came about.
    func leg(_ leg: any UpstreamLeg, failedWith error: any Error)
    /// There was a connection, or a stream, and it ended before the answer did.
    func legBrokeOff(_ leg: any UpstreamLeg, reason: String)
    /// The server has no HTTP/2, or no WebSockets over it where one was asked for.
    func legLacksHTTP2(_ leg: any UpstreamLeg, reason: String)
    /// The server never looked at it, and is not to blame; `refusal` is for the client if nobody else does.
    func legNotProcessed(_ leg: any UpstreamLeg, _ refusal: Refusal, reason: String)
    /// A WebSocket's alone: for plain requests whoever sends the content keeps the time.
    func legTimedOut(_ leg: any UpstreamLeg)
}
