/// What `Host` (RFC 9110 §7.2) or `:authority` a server gets, unless the route sets one.
public enum SentHost: Equatable, Sendable {
    /// What the client asked for.
    case client
    /// The server's own address as configured.
    case upstream
    /// Always the same: a host, with or without a port.
    case name(String)
}

/// Which version of the PROXY protocol the connections to a server begin with.
public enum SentProxyProtocol: String, CaseIterable, Sendable {
    case off
    case v1
    case v2
}
