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

    /// Bytes the peer may send; negative when it has sent more.
    private(set) var available = Int32(initialSize)
    /// Bytes it may send when nothing is on its way.
    private(set) var size = Int32(initialSize)
    /// Consumed and not told.
    private var credit: Int32 = 0
    private var lastUpdate = NIODeadline.uptimeNanoseconds(0)

    /// Bytes beyond the initial size.
    var growth: Int { Int(size) - Self.initialSize }

    /// Bytes came; false when they are more than the peer was allowed to send.
    mutating func received(_ count: Int) -> Bool {
        guard count <= Int(available) else { return false }
        available -= Int32(truncatingIfNeeded: count)
        return true
    }

    /// Bytes that came were handed on.
    ///
    /// - Parameter budget: bytes by which the windows of the connection may still grow in all.
    /// - Returns: by how much the peer may be told that its window has grown; nil: not worth a frame yet.
    mutating func consumed(_ count: Int, budget: inout Int, now: NIODeadline) -> UInt32? {
        credit += Int32(truncatingIfNeeded: count)
        guard credit >= size / 2 else { return nil }
        var increment = credit
        let growth = min(Int(size), Self.maximumSize - Int(size))
        if now - lastUpdate < Self.growthTime, growth > 0, budget >= growth {
            budget -= growth
            size += Int32(growth)
            increment += Int32(growth)
        }
        credit = 0
        lastUpdate = now
        available += increment
        return UInt32(increment)
    }
}
