public import NIOCore

/// A rate limit: tokens come in at a steady rate up to a burst, and whatever passes takes some out.
public struct TokenBucket: Sendable {
    /// Tokens a second.
    public let rate: Double
    /// Tokens that an untouched bucket holds.
    public let burst: Double

    private var tokens: Double
    private var filledAt: NIODeadline

    /// Starts full.
    ///
    /// - Parameters:
    ///   - rate: tokens a second; negative and non-finite values count as 0, which lets the burst pass and no more.
    ///   - burst: at least 1; lower and non-finite values count as 1.
    public init(rate: Double, burst: Double, now: NIODeadline) {
        self.rate = rate.isFinite && rate > 0 ? rate : 0
        self.burst = burst.isFinite && burst > 1 ? burst : 1
        tokens = self.burst
        filledAt = now
    }

    /// Takes `count` tokens, or none and answers false where there are fewer. Never succeeds above ``burst``.
    public mutating func take(_ count: Double = 1, now: NIODeadline) -> Bool {
        refill(now: now)
        guard tokens >= count else { return false }
        tokens -= count
        return true
    }

    /// How long until `count` tokens are there, if nothing else is taken; nil: never.
    public mutating func wait(for count: Double = 1, now: NIODeadline) -> TimeAmount? {
        refill(now: now)
        guard tokens < count else { return .zero }
        guard count <= burst, rate > 0 else { return nil }
        let nanoseconds = ((count - tokens) / rate * 1e9).rounded(.up)
        return Int64(exactly: nanoseconds).map(TimeAmount.nanoseconds)
    }

    /// A clock that stands still or goes back adds nothing.
    private mutating func refill(now: NIODeadline) {
        guard now > filledAt else { return }
        tokens = min(burst, tokens + Double((now - filledAt).nanoseconds) / 1e9 * rate)
        filledAt = now
    }
}
