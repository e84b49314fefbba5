/// How long things took, counted in fixed buckets, written by one event loop and read by anyone like ``Counter``.
///
/// The buckets are the same everywhere and for ever, so that those of several loops, gateways and days add up.
public struct DurationHistogram: ~Copyable, @unchecked Sendable {
    /// The longest time of each bucket in microseconds; the last bucket has none.
    static let bounds: [UInt64] = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000, 30_000_000, 60_000_000,
    ]

    /// A year in microseconds: longer times count as that, so that no single one makes the sum start over.
    static let longest: UInt64 = 365 * 24 * 3600 * 1_000_000

    /// One for each of ``bounds``, one for what is longer, and the sum. Never moved before the end.
    private let counters: UnsafeMutablePointer<Counter>

    private static let sumIndex = bounds.count + 1
    private static let counterCount = bounds.count + 2

    public init() {
        counters = .allocate(capacity: Self.counterCount)
        for index in 0..<Self.counterCount { (counters + index).initialize(to: Counter()) }
    }

    deinit {
        counters.deinitialize(count: Self.counterCount)
        counters.deallocate()
    }

    /// From the one writing thread only. Times of more than a year count as a year.
    public func record(microseconds: UInt64) {
        let time = min(microseconds, Self.longest)
        counters[Self.bucket(of: time)].add()
        counters[Self.sumIndex].add(time)
    }

    static func bucket(of microseconds: UInt64) -> Int {
        bounds.firstIndex { microseconds <= $0 } ?? bounds.count
    }

    /// What is counted now, a moment behind at most.
    var counts: Counts {
        Counts(
            buckets: (0...Self.bounds.count).map { counters[$0].value },
            sumMicroseconds: counters[Self.sumIndex].value)
    }

    /// The counters of one histogram, or of several added up.
    struct Counts: Equatable, Sendable {
        /// Of each bucket for itself.
        private(set) var buckets = [UInt64](repeating: 0, count: bounds.count + 1)
        private(set) var sumMicroseconds: UInt64 = 0

        mutating func add(_ other: Counts) {
            for index in buckets.indices { buckets[index] &+= other.buckets[index] }
            sumMicroseconds &+= other.sumMicroseconds
        }
    }
}
