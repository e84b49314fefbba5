/// The names by which an endpoint is meant to be reached.
///
/// A page can have its own name resolve to an address of this machine ("DNS rebinding"); to its browser the endpoint is
/// then of the page's own origin. But the browser still sends the page's name as `Host`. Addresses can't be rebound.
public struct KnownHosts: Sendable {
    /// Lower case, without trailing dots.
    private let names: Set<String>

    /// - Parameter names: known beside `localhost` and every IP address.
    public init(_ names: [String] = []) {
        self.names = Set(names.compactMap { Authority($0)?.host }).union(["localhost"])
    }

    /// - Parameter authority: the value of `Host`, with or without a port (RFC 9110 §7.2).
    public func contains(_ authority: String) -> Bool {
        guard let host = Authority(authority)?.host else { return false }
        // An IPv6 address is in brackets, and nothing else is.
        return names.contains(host) || host.hasPrefix("[") || ClientAddress(parsing: host) != nil
    }
}
