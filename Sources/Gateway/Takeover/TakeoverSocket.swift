/// The listening sockets of one listener, on their way from the running gateway to its successor.
public struct TakeoverSocket: Sendable, Equatable {
    /// The listener's, or `admin`.
    public let name: String
    /// Where they listen, as the configuration writes it, with the port that was bound: `0.0.0.0:8443`, `unix:/path`.
    public let address: String
    /// One at least.
    public let descriptors: [CInt]

    public init(name: String, address: String, descriptors: [CInt]) {
        self.name = name
        self.address = address
        self.descriptors = descriptors
    }
}

/// Why a takeover came to nothing, in an operator's words.
public struct TakeoverError: Error, Equatable, CustomStringConvertible {
    public let description: String
}
