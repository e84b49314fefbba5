/// How the servers of an upstream are asked whether they are well, whether or not clients come.
public struct HealthCheck: Equatable, Sendable {
    /// What a server has to do to pass.
    public enum Kind: Equatable, Sendable {
        /// Take a connection, and with `tls` of the upstream complete the TLS handshake.
        case tcp
        /// Answer a GET for the path, and its query, with one of these statuses (200 to 599, never empty).
        case http(path: String, statuses: [ClosedRange<Int>])
        /// Agree to a WebSocket for the path, and its query, and answer a ping on it.
        case webSocket(path: String)
    }

    public var kind: Kind
    /// Sent as `Host` or `:authority`; nil: the name that TLS asks for, else the server's address.
    public var host: String?
    /// From the beginning of one check to that of the next, give or take a tenth; at least 100 ms.
    public var interval: Duration
    /// For all of a check; longer than 0.
    public var timeout: Duration
    /// Checks in a row that fail before a server gets no more WebSockets: 1 to 100.
    public var unhealthyAfter: Int
    /// Checks in a row that pass before it gets some again: 1 to 100.
    public var healthyAfter: Int

    public init(
        kind: Kind = .tcp, host: String? = nil, interval: Duration = .seconds(5), timeout: Duration = .seconds(2),
        unhealthyAfter: Int = 3, healthyAfter: Int = 2
    ) {
        self.kind = kind
        self.host = host
        self.interval = interval
        self.timeout = timeout
        self.unhealthyAfter = unhealthyAfter
        self.healthyAfter = healthyAfter
    }

    /// Any that says neither that the request was wrong nor that the server is.
    public static let defaultStatuses = [200...399]
}

extension HealthCheck: CustomStringConvertible {
    /// Such as `GET /health every 5s`; without the query, which may hold a secret.
    public var description: String {
        let what =
            switch kind {
            case .tcp: "connection"
            case .http(let path, _): "GET \(path.prefix { $0 != "?" })"
            case .webSocket(let path): "WebSocket \(path.prefix { $0 != "?" })"
            }
        return "\(what) every \(DurationText.format(interval))"
    }
}
