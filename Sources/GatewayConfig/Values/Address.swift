/// Where a listener listens or a server is reached: a TCP host and port, or a unix domain socket.
public enum Address: Hashable, Sendable, CustomStringConvertible {
    /// `host` is a name, an IPv4 or an unbracketed IPv6 address; `port` is 0 to 65535, and 0 (pick a free
    /// port) is accepted for listeners only.
    case tcp(host: String, port: Int)
    /// An absolute path.
    case unix(path: String)

    /// As it is written in the configuration: `host:port`, `[v6]:port` or `unix:/path`.
    public var description: String {
        switch self {
        case .tcp(let host, let port):
            return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path):
            return "unix:\(path)"
        }
    }
}

extension Address {
    /// Whether listening on both takes the same port of this machine, or the same file.
    public func overlaps(_ other: Address) -> Bool {
        switch (self, other) {
        case (.tcp(_, let port), .tcp(_, let wanted)): port == wanted && port != 0
        default: self == other
        }
    }
}

extension Address {
    /// As `Host` names it: without the default port of the scheme (RFC 9110 §4.2). A unix socket has no name of its own,
    /// and is `localhost` as with other proxies.
    public func authority(isTLS: Bool) -> String {
        switch self {
        case .tcp(let host, let port):
            let host = host.contains(":") ? "[\(host)]" : host
            return port == (isTLS ? 443 : 80) ? host : "\(host):\(port)"
        case .unix: return "localhost"
        }
    }
}
