/// What two peers agreed on for permessage-deflate (RFC 7692 §7.1).
public struct DeflateParameters: Equatable, Sendable {
    /// The server starts every message with an empty window.
    public var serverNoContextTakeover: Bool
    /// The client starts every message with an empty window.
    public var clientNoContextTakeover: Bool
    /// Base-2 logarithm of the window the server compresses with, 8…15.
    public var serverMaxWindowBits: Int
    /// Base-2 logarithm of the window the client compresses with, 8…15.
    public var clientMaxWindowBits: Int

    public init(
        serverNoContextTakeover: Bool = false, clientNoContextTakeover: Bool = false, serverMaxWindowBits: Int = 15,
        clientMaxWindowBits: Int = 15
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
    }
}

/// What this side wants of permessage-deflate, in either role.
public struct DeflatePolicy: Equatable, Sendable {
    /// Base-2 logarithm of the window wanted, each way, 9…15; anything else is taken as the nearest of these.
    public var windowBits: Int {
        didSet { windowBits = Self.inRange(windowBits) }
    }
    /// Whether either side may refer to earlier messages: better compression for memory held between messages.
    public var contextTakeover: Bool

    public init(windowBits: Int = 15, contextTakeover: Bool = true) {
        self.windowBits = Self.inRange(windowBits)
        self.contextTakeover = contextTakeover
    }

    private static func inRange(_ bits: Int) -> Int { min(max(bits, 9), 15) }
}
