public import NIOCore

/// How long to stay away after failures in a row: longer each time up to a maximum, and spread so that not everyone
/// comes back at once.
public struct Backoff: Equatable, Sendable {
    /// After the first failure.
    public var base: TimeAmount
    /// Growth from one failure to the next.
    public var factor: Double
    public var maximum: TimeAmount

    public init(base: TimeAmount = .seconds(1), factor: Double = 2, maximum: TimeAmount = .seconds(30)) {
        self.base = base
        self.factor = factor
        self.maximum = maximum
    }

    /// - Parameters:
    ///   - failures: how many in a row; 0 or fewer: no delay.
    ///   - jitter: a random number of 0 up to 1; values outside are moved to the nearer end.
    /// - Returns: between half of the delay (jitter 0) and all of it (jitter 1).
    public func delay(after failures: Int, jitter: Double) -> TimeAmount {
        guard failures > 0 else { return .zero }
        let longest = Double(max(0, maximum.nanoseconds))
        var delay = min(longest, Double(max(0, base.nanoseconds)))
        var step = 1
        while step < failures, delay > 0, delay < longest, factor > 1 {
            delay = min(longest, delay * factor)
            step += 1
        }
        let spread = jitter.isNaN ? 1 : min(1, max(0, jitter))
        return Int64(exactly: (delay * (1 + spread) / 2).rounded()).map(TimeAmount.nanoseconds) ?? maximum
    }
}
