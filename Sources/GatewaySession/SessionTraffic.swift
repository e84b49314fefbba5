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

    /// A message has been compressed, or sent in a frame that was compressed before.
    mutating func countDeflated(from size: Int, to compressed: Int) {
        messagesDeflated &+= 1
        deflatedFrom &+= size
        deflatedTo &+= compressed
    }

    /// A message has been inflated.
    mutating func countInflated(from size: Int, to inflated: Int) {
        messagesInflated &+= 1
        inflatedFrom &+= size
        inflatedTo &+= inflated
    }
}

/// What went through one direction without compression. Small, as every session has it: none of it stays for longer than
/// a turn of the event loop, in which no 32 bits of messages pass.
public struct PassedTraffic: Equatable, Sendable {
    /// Messages that ended.
    public var textMessages: UInt32 = 0
    public var binaryMessages: UInt32 = 0
    /// Message payload, counted as it passes.
    public var payloadBytes = 0

    @inlinable public init() {}

    @inlinable public var isEmpty: Bool { textMessages | binaryMessages == 0 && payloadBytes == 0 }
}
