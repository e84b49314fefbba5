import Testing

@testable import GatewayTelemetry

@Suite("What one route counts on one event loop")
struct RouteCountersTests {
    @Test func closeCodesAreCountedBySide() {
        let counters = RouteCounters()
        counters.closed(code: 1000, by: .client)
        counters.closed(code: 1000, by: .client)
        counters.closed(code: 1009, by: .gateway)
        let codes = counters.rareCounts().closeCodes.mapValues(\.counts)
        #expect(codes == [.client: ["1000": 2], .gateway: ["1009": 1]])
    }

    @Test func closeCodesOfOneSideAreBounded() {
        let counters = RouteCounters()
        for code in UInt16(4000)...4999 { counters.closed(code: code, by: .client) }
        counters.closed(code: 4000, by: .client)
        let codes = counters.rareCounts().closeCodes[.client]?.counts ?? [:]
        #expect(codes.count == 65)
        #expect(codes["4000"] == 2)
        #expect(codes["4063"] == 1)
        #expect(codes["other"] == 936)
    }

    @Test func extensionNamesAreBoundedInNumberAndLength() {
        let counters = RouteCounters()
        counters.refusedExtension("Deflate-Stream")
        counters.refusedExtension("deflate-stream")
        counters.refusedExtension(String(repeating: "x", count: 64))
        counters.refusedExtension(String(repeating: "x", count: 65))
        for number in 0..<100 { counters.refusedExtension("x-\(number)") }
        let counts = counters.rareCounts().extensionsRefused.counts
        #expect(counts["deflate-stream"] == 2)
        #expect(counts[String(repeating: "x", count: 64)] == 1)
        #expect(counts.count == 33)
        #expect(counts["other"] == 71)
        #expect(counts.values.reduce(0, +) == 104)
    }

    @Test func handshakeTimesWithinTheirPrecision() {
        let counters = RouteCounters()
        for milliseconds in UInt64(1)...100 { counters.recordHandshake(microseconds: milliseconds * 1000) }
        let times = counters.rareCounts().handshakes
        #expect(times.count == 100)
        #expect(abs(times.sum - 5.05) < 1e-9)
        #expect(abs(times.quantile(0.5) - 0.050) <= 0.0005)
        #expect(abs(times.quantile(0.99) - 0.099) <= 0.00099)
    }

    @Test(arguments: [(0, 1e-6), (1, 1e-6), (60_000_000, 60), (.max, 60)] as [(UInt64, Double)])
    func handshakeTimesOutsideTheRangeCountAsItsEnd(microseconds: UInt64, seconds: Double) {
        var times = HandshakeTimes()
        times.record(microseconds: microseconds)
        #expect(abs(times.sum - seconds) < 1e-9)
        #expect(abs(times.quantile(0.5) - seconds) <= seconds * 0.01)
    }

    @Test func handshakeTimesOfSeveralLoopsAddUp() {
        var sum = HandshakeTimes()
        sum.add(HandshakeTimes())
        #expect(sum.quantile(0.5) == 0)
        for microseconds in [1000, 2000, 3000] as [UInt64] {
            var times = HandshakeTimes()
            times.record(microseconds: microseconds)
            sum.add(times)
        }
        #expect(sum.count == 3)
        #expect(abs(sum.sum - 0.006) < 1e-9)
        #expect(abs(sum.quantile(0.5) - 0.002) <= 0.00002)
    }
}
