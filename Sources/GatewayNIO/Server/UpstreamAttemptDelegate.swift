import GatewayPolicy
import HTTPTypes
import NIOCore
import WebSocketCore

/// A server that has agreed to speak WebSocket.
struct UpgradedServer {
    let leg: any WebSocketLeg
    let server: SessionServer
    let fields: HTTPFields
    let subprotocol: String?
    let extensions: [ExtensionOffer]
    /// As ``UpstreamAgreement/accept``.
    var accept: String?
}

/// Who waits for an `UpstreamAttempt`.
protocol UpstreamAttemptDelegate: AnyObject {
    func upgraded(_ server: UpgradedServer)
    /// An interim response to a plain request.
    func informed(_ response: HTTPResponse)
    /// The server's response: to a WebSocket's request a refusal. Its content follows, piece by piece.
    func answered(_ response: HTTPResponse, by leg: any UpstreamLeg, server: LiveServer)
    func responseContent(_ bytes: ByteBuffer)
    /// `isWhole`: false when the server broke off inside its response.
    func responseEnded(isWhole: Bool, trailers: HTTPFields?)
    /// Nothing more has come for now.
    func responseReadComplete()
    /// The head of a plain request has gone: its content, if it has any, may be given to the leg.
    func mayGiveContent(to leg: any RequestLeg)
    func failed(_ refusal: Refusal)
}
