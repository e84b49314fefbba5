import Histogram

/// How long handshakes took, from the first byte to the 101: a histogram of two significant digits, 1 µs to 60 s.
struct HandshakeTimes: Sendable {
    private static let range: ClosedRange<UInt64> = 1...60_000_000

    /// Taken with the first handshake: it has some 20 KB, and many routes have none on some loop.
    private var histogram: Histogram<UInt64>?
    private(set) var count: UInt64 = 0
    private var sumMicroseconds: UInt64 = 0

    /// Times outside the range count as its nearer end.
    mutating func record(microseconds: UInt64) {
        let time = min(max(microseconds, Self.range.lowerBound), Self.range.upperBound)
        count &+= 1
        sumMicroseconds &+= time
        var recorded = histogram ?? Self.empty()
        histogram = nil
        _ = recorded.record(time)
        histogram = recorded
    }

    mutating func add(_ other: HandshakeTimes) {
        count &+= other.count
        sumMicroseconds &+= other.sumMicroseconds
        guard let added = other.histogram else { return }
        var sum = histogram ?? Self.empty()
        histogram = nil
        sum.add(added)
        histogram = sum
    }

    /// In seconds; 0 where there were none.
    func quantile(_ quantile: Double) -> Double {
        guard let histogram, count > 0 else { return 0 }
        return Double(histogram.valueAtPercentile(quantile * 100)) / 1e6
    }

    /// In seconds.
    var sum: Double { Double(sumMicroseconds) / 1e6 }

    private static func empty() -> Histogram<UInt64> {
        Histogram(
            lowestDiscernibleValue: range.lowerBound, highestTrackableValue: range.upperBound,
            numberOfSignificantValueDigits: .two)
    }
}
