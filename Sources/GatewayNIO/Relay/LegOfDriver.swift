/// One leg as the driver sees it.
struct LegOfDriver {
    private static let flushThreshold: Int32 = 64 * 1024

    var transport: (any LegTransport)?
    /// Bytes written since the last flush.
    private var unflushed: Int32 = 0
    /// A read was held back.
    var owesRead = false

    /// Tells whether it is time to flush.
    mutating func wrote(_ count: Int) -> Bool {
        unflushed = Int32(clamping: Int(unflushed) &+ count)
        return unflushed >= Self.flushThreshold
    }

    /// The transport, if there is anything to flush.
    mutating func takeUnflushed() -> (any LegTransport)? {
        guard unflushed > 0 else { return nil }
        unflushed = 0
        return transport
    }
}
