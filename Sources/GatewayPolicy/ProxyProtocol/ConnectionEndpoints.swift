/// Both ends of a client's connection, as the PROXY protocol names them.
public struct ConnectionEndpoints: Equatable, Sendable {
    public var source: ClientAddress
    /// 0: not known, or of a unix socket.
    public var sourcePort: UInt16
    public var destination: ClientAddress
    /// 0: not known, or of a unix socket.
    public var destinationPort: UInt16

    public init(source: ClientAddress, sourcePort: UInt16, destination: ClientAddress, destinationPort: UInt16) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
    }

    /// The same connection as made by somebody further away, whose port nobody knows.
    public func from(_ client: ClientAddress) -> ConnectionEndpoints {
        guard client != source else { return self }
        var endpoints = self
        endpoints.source = client
        endpoints.sourcePort = 0
        return endpoints
    }
}
