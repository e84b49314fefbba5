import Foundation
import Testing

@testable import GatewayTelemetry

@Suite("A histogram as it is told")
struct HistogramSnapshotTests {
    /// Each of these loops recorded these durations.
    static func snapshot(_ loops: [[UInt64]]) -> HistogramSnapshot {
        HistogramSnapshot(
            loops.map { durations in
                let histogram = DurationHistogram()
                for microseconds in durations { histogram.record(microseconds: microseconds) }
                return histogram.counts
            })
    }

    static func isNear(_ first: Double, _ second: Double) -> Bool { abs(first - second) < 1e-9 }

    @Test func bucketsHoldThoseOfSmallerLimitsToo() {
        let snapshot = Self.snapshot([[400, 800, 800, 2_000_000, 90_000_000]])
        let counts = Dictionary(uniqueKeysWithValues: snapshot.buckets.map { ($0.limit, $0.count) })
        #expect(counts["0.0005"] == 1)
        #expect(counts["0.001"] == 3)
        #expect(counts["1"] == 3)
        #expect(counts["2.5"] == 4)
        #expect(counts["60"] == 4)
        #expect(counts["+Inf"] == 5)
        #expect(snapshot.count == 5)
        #expect(Self.isNear(snapshot.sum, 92.002))
    }

    @Test func theLimitsAreWrittenInSecondsAndRise() {
        #expect(
            Self.snapshot([]).buckets.map(\.limit) == [
                "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5",
                "10", "30", "60", "+Inf",
            ])
    }

    @Test(
        "quantiles lie between the limits of their bucket, as evenly as its durations are taken to",
        arguments: [
            ([], 0, 0),
            // One duration is its bucket's whole width.
            ([4000], 0.00375, 0.004975),
            ([300, 300, 300, 300], 0.00025, 0.000495),
            // The 5th of 10 is the 5th of 9 in its bucket, the 9.9th the last but a tenth of the other.
            ([1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 4000], 0.0005 + 0.0005 * 5 / 9, 0.00475),
            // Empty buckets in between.
            ([300, 20_000_000], 0.0005, 10 + 20 * 0.98),
            // Longer than the last limit: that limit.
            ([61_000_000], 60, 60),
            ([300, 300, 61_000_000], 0.000375, 60),
        ] as [([UInt64], Double, Double)])
    func quantiles(durations: [UInt64], p50: Double, p99: Double) {
        let snapshot = Self.snapshot([durations])
        #expect(Self.isNear(snapshot.p50, p50), "\(snapshot.p50)")
        #expect(Self.isNear(snapshot.p99, p99), "\(snapshot.p99)")
    }

    @Test func loopsAddUp() {
        let together = Self.snapshot([[1000, 2000], [], [3000]])
        #expect(together == Self.snapshot([[1000, 2000, 3000]]))
        #expect(together.count == 3)
    }

    @Test func asJSON() throws {
        let json = try JSONEncoder().encode(Self.snapshot([[300]]))
        let object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(Set(object.keys) == ["count", "sum", "p50", "p99", "buckets"])
        #expect((object["buckets"] as? [String: Int])?.count == 17)
        #expect((object["buckets"] as? [String: Int])?["+Inf"] == 1)
    }
}
