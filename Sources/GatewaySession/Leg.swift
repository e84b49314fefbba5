/// One of the two sides of a proxied connection, named after the peer at its far end.
public enum Leg: Hashable, Sendable, CaseIterable {
    /// Towards the client: the gateway acts as the WebSocket server.
    case client
    /// Towards the server: the gateway acts as the WebSocket client.
    case server

    public var other: Leg { self == .client ? .server : .client }
}
