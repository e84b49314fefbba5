/// What went through one direction of a session since it was last asked.
public struct DirectionTraffic: Equatable, Sendable {
    /// Messages that ended.
    public var textMessages = 0
    public var binaryMessages = 0
    /// Message payload as the applications see it, decompressed, counted as it passes.
    public var payloadBytes = 0
    /// Messages the gateway compressed, with their payload before and after.
    public var messagesDeflated = 0
    public var deflatedFrom = 0
    public var deflatedTo = 0
    /// How many of those went in a frame that was compressed once for several connections.
    public var messagesShared = 0
    /// Compressed messages the gateway inflated, to pass them on or to look into them, before and after.
    public var messagesInflated = 0
    public var inflatedFrom = 0
    public var inflatedTo = 0

    public init() {}

    public var isEmpty: Bool { self == DirectionTraffic() }
}
