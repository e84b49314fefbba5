import Testing

@testable import GatewayTelemetry

@Suite("The plain HTTP requests of a route on one loop")
struct RequestCountersTests {
    @Test func aRequestIsUnderWayUntilItEnds() {
        let counters = RouteCounters()
        counters.requestBegan()
        counters.requestBegan()
        #expect(counters.requests.active.value == 2)
        #expect(counters.requests.total.value == 2)
        #expect(counters.requests.durations.counts.buckets.allSatisfy { $0 == 0 })
        counters.requestEnded(status: 200, microseconds: 700)
        #expect(counters.requests.active.value == 1)
        #expect(counters.requests.total.value == 2)
        #expect(counters.requests.durations.counts.sumMicroseconds == 700)
    }

    @Test(
        "statuses count by class, those that are none in no class",
        arguments: [
            (100, "1xx"), (199, "1xx"), (200, "2xx"), (299, "2xx"), (304, "3xx"), (404, "4xx"), (499, "4xx"),
            (503, "5xx"),
            (599, "5xx"), (nil, nil), (99, nil), (600, nil), (0, nil), (-1, nil), (.max, nil),
        ] as [(Int?, String?)])
    func classes(status: Int?, name: String?) {
        let counters = RouteCounters()
        counters.requestBegan()
        counters.requestEnded(status: status, microseconds: 1)
        let counted = counters.requests.statuses.filter { $0.count > 0 }
        #expect(counted.map(\.name) == (name.map { [$0] } ?? []))
        #expect(counters.requests.statuses.map(\.name) == ["1xx", "2xx", "3xx", "4xx", "5xx"])
        #expect(counters.requests.durations.counts.buckets.first == 1)
    }

    @Test func bytesMoveWhileARequestLives() {
        let counters = RouteCounters()
        counters.requestBegan()
        counters.requestBytes(fromClient: 10)
        counters.requestBytes(fromClient: 20)
        counters.requestBytes(toClient: 5)
        #expect(counters.requests.bytesFromClient.value == 30)
        #expect(counters.requests.bytesToClient.value == 5)
        counters.requestEnded(status: 200, bytesFromClient: 1, bytesToClient: 2, microseconds: 1)
        #expect(counters.requests.bytesFromClient.value == 31)
        #expect(counters.requests.bytesToClient.value == 7)
    }

    @Test func nothingIsCountedOfWhatIsNegative() {
        let counters = RouteCounters()
        counters.requestBytes(fromClient: -1)
        counters.requestBytes(toClient: .min)
        counters.requestEnded(status: nil, bytesFromClient: -5, bytesToClient: -5, microseconds: 0)
        #expect(counters.requests.bytesFromClient.value == 0)
        #expect(counters.requests.bytesToClient.value == 0)
    }
}
