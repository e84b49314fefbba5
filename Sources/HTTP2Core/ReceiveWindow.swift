import NIOCore

/// What a peer may still send on a stream (RFC 9113 §5.2), and when it is told that it may send more.
///
/// A window begins small, so that many slow streams hold little, and doubles while its reader keeps up with what comes:
/// as fast as a stream can be, its window soon is no limit any more.
struct ReceiveWindow {
    static let initialSize = 65_535
    static let maximumSize = 4 * 1024 * 1024
    /// Half a window consumed within this time means that a larger one could be of use.
    private static let growthTime = TimeAmount.milliseconds(100)

    /// Bytes the peer may send.
    var available: Int { Int(left) }
    /// Bytes it may send when nothing is on its way.
    var size: Int { Int(full) }

    // Each stream has one of these: numbers of 31 bits are all that RFC 9113 §6.9.1 allows.
    private var left = Int32(initialSize)
    private var full = Int32(initialSize)
    /// Consumed and not told. `left` and this are never more than `full`.
    private var credit: Int32 = 0
    private var lastUpdate: NIODeadline?

    /// Bytes beyond the initial size.
    var growth: Int { size - Self.initialSize }

    /// Bytes came; false when they are more than the peer was allowed to send.
    mutating func received(_ count: Int) -> Bool {
        guard count <= available else { return false }
        left -= Int32(truncatingIfNeeded: count)
        return true
    }

    /// Bytes that came were handed on; more than came are not counted.
    ///
    /// - Parameter budget: bytes by which the windows of the connection may still grow in all.
    /// - Returns: by how much the peer may be told that its window has grown; nil: not worth a frame yet.
    mutating func consumed(_ count: Int, budget: inout Int, now: NIODeadline) -> UInt32? {
        credit += min(Int32(clamping: count), full - left - credit)
        guard credit >= full / 2 else { return nil }
        var increment = credit
        let growth = min(full, Int32(Self.maximumSize) - full)
        if let lastUpdate, now - lastUpdate < Self.growthTime, growth > 0, budget >= Int(growth) {
            budget -= Int(growth)
            full += growth
            increment += growth
        }
        credit = 0
        lastUpdate = now
        left += increment
        return UInt32(clamping: increment)
    }
}
