/// The durations of a route at one moment. Times are in seconds.
public struct HistogramSnapshot: Encodable, Equatable, Sendable {
    /// How many took at most `limit`.
    public struct Bucket: Equatable, Sendable {
        /// In seconds, as JSON and Prometheus write it; `+Inf` for the last.
        public var limit: String
        /// Those of the buckets before it included.
        public var count: UInt64
        /// The latest that is in this bucket and in none before it; nil: none is known.
        public var exemplar: Exemplar?
    }

    public var count: UInt64
    public var sum: Double
    /// Quantiles are of everything since the start, and interpolated within a bucket: they are no closer than that.
    public var p50: Double
    public var p99: Double
    /// By rising limit; the last has all.
    public var buckets: [Bucket]

    /// Those of several loops added up.
    ///
    /// - Parameter exemplars: of each loop, by bucket.
    init(_ loops: some Sequence<DurationHistogram.Counts>, exemplars: [[Exemplar?]] = []) {
        var counts = DurationHistogram.Counts()
        for loop in loops { counts.add(loop) }
        var sum: UInt64 = 0
        buckets = zip(Self.limits, counts.buckets).enumerated().map { index, bucket in
            sum &+= bucket.1
            let latest = exemplars.compactMap { $0[index] }.max { $0.time < $1.time }
            return Bucket(limit: bucket.0, count: sum, exemplar: latest)
        }
        count = sum
        self.sum = Double(counts.sumMicroseconds) / 1e6
        p50 = Self.quantile(0.5, of: counts.buckets, count: sum)
        p99 = Self.quantile(0.99, of: counts.buckets, count: sum)
    }

    private static let limits =
        DurationHistogram.bounds.map { bound in
            bound % 1_000_000 == 0 ? "\(bound / 1_000_000)" : "\(Double(bound) / 1e6)"
        } + ["+Inf"]

    /// In seconds; 0 where there were none, and the last finite limit where it was longer. As Prometheus'
    /// `histogram_quantile` has it: the times of a bucket are taken to lie evenly between its limits.
    private static func quantile(_ quantile: Double, of buckets: [UInt64], count: UInt64) -> Double {
        let rank = quantile * Double(count)
        var below: UInt64 = 0
        var lower = 0.0
        for (bound, inBucket) in zip(DurationHistogram.bounds, buckets) {
            let upper = Double(bound) / 1e6
            if inBucket > 0, Double(below &+ inBucket) >= rank {
                return lower + (upper - lower) * (rank - Double(below)) / Double(inBucket)
            }
            below &+= inBucket
            lower = upper
        }
        return count > 0 ? lower : 0
    }

    enum CodingKeys: String, CodingKey {
        case count, sum, p50, p99, buckets
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(sum, forKey: .sum)
        try container.encode(p50, forKey: .p50)
        try container.encode(p99, forKey: .p99)
        try container.encode(
            Dictionary(buckets.map { ($0.limit, $0.count) }) { first, _ in first }, forKey: .buckets)
    }
}
