public import GatewayConfig
public import PerMessageDeflate

/// How much of zlib's memory a new connection may count on.
public enum CompressionAllowance: Equatable, Sendable {
    case full
    /// Compression, but no state kept between messages.
    case noContextTakeover
    case none

    /// What is left decides: first there is no more context takeover, then no more compression. An eighth of the limit
    /// is never promised to connections that keep state, so that the messages of those that keep none find room.
    public init(_ memory: CompressionMemory, settings: CompressionSettings) {
        let left = memory.limit - memory.used
        let forMessages = memory.limit / 8
        let inflater = Inflater.memory(windowBits: 15)
        let deflater = Deflater.memory(windowBits: settings.windowBits, memoryLevel: settings.memoryLevel)
        if left >= inflater + deflater + forMessages {
            self = .full
        } else {
            self = left >= max(inflater, forMessages / 2) ? .noContextTakeover : .none
        }
    }
}
