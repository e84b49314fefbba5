import NIOCore

/// How much of what costs work and carries nothing a peer may send: a burst, and so many a second.
struct FloodMeter {
    private let burst: Int64
    private let perSecond: Int64
    /// In thousandths, so that short pauses count as well.
    private var left: Int64
    private var lastRefill: NIODeadline?

    /// - Parameters:
    ///   - burst: at once: 1 to 1,000,000.
    ///   - perSecond: what comes back with time: 1 to 1,000,000.
    init(burst: Int64, perSecond: Int64) {
        self.burst = burst * 1000
        self.perSecond = perSecond
        left = burst * 1000
    }

    /// Counts something; false when it is too much.
    ///
    /// - Parameter cost: how many it counts for: 1 to 1,000,000.
    mutating func allows(_ cost: Int64 = 1, now: NIODeadline) -> Bool {
        if let lastRefill {
            let milliseconds = max(0, (now - lastRefill).nanoseconds / 1_000_000)
            if milliseconds > 0 {
                // Ten hours refill any meter; more would only overflow.
                left = min(burst, left + min(milliseconds, 36_000_000) * perSecond)
                // What is less than a millisecond counts the next time.
                self.lastRefill = lastRefill + .milliseconds(milliseconds)
            }
        } else {
            lastRefill = now
        }
        guard left >= cost * 1000 else { return false }
        left -= cost * 1000
        return true
    }
}
