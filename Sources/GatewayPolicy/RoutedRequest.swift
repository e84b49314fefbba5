public import HTTPTypes

/// What routing looks at, the same from an HTTP/1.1 upgrade and from an HTTP/2 extended CONNECT (RFC 8441).
public struct RoutedRequest: Sendable {
    public var host: Authority
    public var target: RequestTarget
    public var fields: HTTPFields
    /// The offers of `Sec-WebSocket-Protocol`, in order.
    public var subprotocols: [String]
    /// The name of the listener that it came in by.
    public var listener: String

    public init(
        host: Authority, target: RequestTarget, fields: HTTPFields = [:], subprotocols: [String] = [],
        listener: String = ""
    ) {
        self.host = host
        self.target = target
        self.fields = fields
        self.subprotocols = subprotocols
        self.listener = listener
    }
}
