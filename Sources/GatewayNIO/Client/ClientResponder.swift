import GatewayPolicy
import GatewayTLS
import HTTPTypes
import NIOCore

/// How an exchange speaks to its client: over HTTP/1.1, or on one stream of an HTTP/2 connection.
protocol ClientResponder: AnyObject {
    /// Sends a whole response of the gateway's own; nothing else follows it for this request.
    func answer(_ answer: GatewayAnswer)
    /// An interim response of the server's (1xx, RFC 9110 §15.2).
    func inform(_ response: HTTPResponse)
    /// The head of the server's response. What follows it comes with `continueAnswer`, and ends with `endAnswer` or
    /// `abortAnswer`; none of it need be sent before `flushAnswer`.
    func beginAnswer(_ response: HTTPResponse)
    func continueAnswer(_ bytes: ByteBuffer)
    /// The response is whole.
    func endAnswer(trailers: HTTPFields?)
    /// The response will never be whole, which the client has to see.
    func abortAnswer()
    /// Nothing more has come for now: what was given is sent.
    func flushAnswer()
    /// Whether more of a response should be given now.
    var isWritable: Bool { get }
    /// Holds back or goes on reading the request's content, at the pace of the server. It is read at first.
    func setMayRead(_ mayRead: Bool)
    /// Of the connection: what it says of itself, or a header of the PROXY protocol said of it.
    var endpoints: ConnectionEndpoints { get }
    /// How the connection is protected; nil: it is in the clear.
    var protection: TLSProtection? { get }
    /// Whether the connection has one of the process's last file descriptors: there is none for a connection to a server.
    var usesReserve: Bool { get }
    /// Tells the client that its WebSocket is open, and makes the session's leg of what carried the request.
    ///
    /// - Throws: when the connection closed this very moment.
    func relay(with driver: SessionDriver, response: HTTPFields) throws
}
