extension UpstreamConfiguration {
    /// How the server of the next connection is chosen among those that take connections.
    public enum Balance: Hashable, Sendable {
        /// In turn, by weight.
        case roundRobin
        /// The one with the fewest connections for its weight.
        case leastConnections
        /// The less loaded, for its weight, of two that chance names.
        case randomTwo
        /// The one that a part of the request names, and the same for every request alike.
        case hash(HashSource)

        /// How much more than its share by weight a server may get: 1.25 with `hash`, else 1.
        public var slack: Double { if case .hash = self { 1.25 } else { 1 } }
    }

    /// The part of a request that `hash` goes by.
    public enum HashSource: Hashable, Sendable {
        /// The client's address; of an IPv6 address its /64.
        case ip
        /// In its normal form, without the query.
        case path
        /// A field, by its name in lower case.
        case header(String)
        /// A parameter of the query.
        case query(String)
        case cookie(String)
    }
}
