import Testing

@testable import GatewayTelemetry

@Suite("Durations in buckets")
struct DurationHistogramTests {
    static let lastBucket = DurationHistogram.bounds.count

    @Test(
        "a duration counts in the first bucket whose limit it does not pass",
        arguments: [
            (0, 0), (1, 0), (500, 0), (501, 1), (1000, 1), (1001, 2), (2500, 2), (9_999_999, 13), (10_000_000, 13),
            (60_000_000, 15), (60_000_001, 16), (.max, 16),
        ] as [(UInt64, Int)])
    func whichBucket(microseconds: UInt64, bucket: Int) {
        let histogram = DurationHistogram()
        histogram.record(microseconds: microseconds)
        var expected = [UInt64](repeating: 0, count: Self.lastBucket + 1)
        expected[bucket] = 1
        #expect(histogram.counts.buckets == expected)
    }

    @Test func theLimitsRise() {
        #expect(zip(DurationHistogram.bounds, DurationHistogram.bounds.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func durationsAddUp() {
        let histogram = DurationHistogram()
        for microseconds in [300, 700, 61_000_000] as [UInt64] { histogram.record(microseconds: microseconds) }
        #expect(histogram.counts.sumMicroseconds == 61_001_000)
    }

    @Test("durations that can't be do not make the sum start over")
    func theSumOfLongDurations() {
        let histogram = DurationHistogram()
        for _ in 0..<3 { histogram.record(microseconds: .max) }
        #expect(histogram.counts.sumMicroseconds == 3 * DurationHistogram.longest)
        #expect(histogram.counts.buckets[Self.lastBucket] == 3)
    }

    @Test func whatOneThreadRecordsAnotherSees() async {
        final class Shared: Sendable { let histogram = DurationHistogram() }
        let shared = Shared()
        await Task.detached {
            for microseconds in UInt64(1)...1000 { shared.histogram.record(microseconds: microseconds) }
        }.value
        #expect(shared.histogram.counts.buckets.prefix(3) == [500, 500, 0])
        #expect(shared.histogram.counts.sumMicroseconds == 500_500)
    }
}
