/// One address the gateway accepts connections on.
public struct ListenerConfiguration: Equatable, Sendable {
    public var name: String
    public var address: Address
    /// Of the socket's file, where the address is one of a unix socket.
    public var access: UnixSocketAccess
    /// nil: cleartext.
    public var tls: ListenerTLS?
    /// Offered by ALPN in this order, or taken in the clear by how a connection begins.
    public var protocols: [ApplicationProtocol]
    /// RFC 8441's off switch.
    public var websocketOverHTTP2: Bool
    /// Streams a client may have open on one HTTP/2 connection: 1 to 100,000.
    public var maxStreams: Int
    /// Whether connections of trusted proxies begin with a header of the PROXY protocol.
    public var proxyProtocol: Bool
    /// Peers whose PROXY header, `X-Forwarded-*`, `Forwarded` and `X-Request-Id` fields are believed.
    public var trustedProxies: [IPPrefix]
    /// Whether requests say `Via` to the servers, and those that have been here before are refused (RFC 9110 §7.6.3).
    public var via: Bool
    /// What becomes of fields whose names servers could take for others.
    public var underscores: Underscores
    /// What becomes of requests with `%2F` or `%5C` in their path.
    public var encodedSlashes: EncodedSlashes

    public init(
        name: String, address: Address, tls: ListenerTLS? = nil, protocols: [ApplicationProtocol] = [.http2, .http1],
        websocketOverHTTP2: Bool = true, maxStreams: Int = 1000, proxyProtocol: Bool = false,
        trustedProxies: [IPPrefix] = [], via: Bool = true, underscores: Underscores = .drop,
        encodedSlashes: EncodedSlashes = .pass,
        access: UnixSocketAccess = UnixSocketAccess()
    ) {
        self.name = name
        self.access = access
        self.address = address
        self.tls = tls
        self.protocols = protocols
        self.websocketOverHTTP2 = websocketOverHTTP2
        self.maxStreams = maxStreams
        self.proxyProtocol = proxyProtocol
        self.trustedProxies = trustedProxies
        self.via = via
        self.underscores = underscores
        self.encodedSlashes = encodedSlashes
    }
}

/// What becomes of a request's field whose name has `_`, or another character than letters, digits and `-`. Servers
/// that make variables of names (CGI, RFC 3875 §4.1.18; WSGI, Rack) take it for the field with `-`.
public enum Underscores: String, CaseIterable, Sendable {
    /// The field does not go on, and no condition sees it.
    case drop
    /// The field goes on, unless the gateway writes or removes the field that it can be taken for.
    case pass
    /// The request gets 400.
    case reject
}

/// What becomes of a path with an encoded slash or backslash, which servers may decode before they look for segments.
public enum EncodedSlashes: String, CaseIterable, Sendable {
    /// It goes on, and separates nothing here.
    case pass
    /// The request gets 400.
    case reject
}

/// An ALPN identifier (RFC 7301) the gateway speaks.
public enum ApplicationProtocol: String, CaseIterable, Sendable {
    case http1 = "http/1.1"
    case http2 = "h2"
}
