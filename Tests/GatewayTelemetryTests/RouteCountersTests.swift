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
}
