public import HTTPTypes

/// What routing looks at, the same from an HTTP/1.1 upgrade and from an HTTP/2 extended CONNECT (RFC 8441).
public struct RoutedRequest: Sendable {
    /// The authority as it was sent, with its port if it has one; empty: none was sent.
    public var host: String
    /// The request target as it was sent, query included.
    public var path: String
    public var fields: HTTPFields
    /// The offers of `Sec-WebSocket-Protocol`, in order.
    public var subprotocols: [String]
    /// The name of the listener that it came in by.
    public var listener: String

    public init(
        host: String, path: String, fields: HTTPFields = [:], subprotocols: [String] = [], listener: String = ""
    ) {
        self.host = host
        self.path = path
        self.fields = fields
        self.subprotocols = subprotocols
        self.listener = listener
    }
}
