/// Where those wait who come while a cap is reached: `max_connections` or `max_requests` of the route, or
/// `max_connections` of every server.
public struct QueueConfiguration: Equatable, Sendable {
    /// How many may wait at once: 1 to 100,000.
    public var size: Int
    /// How long each may wait; never zero.
    public var timeout: Duration

    public init(size: Int = 100, timeout: Duration = .seconds(2)) {
        self.size = size
        self.timeout = timeout
    }
}
