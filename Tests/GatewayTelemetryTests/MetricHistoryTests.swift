import Testing

@testable import GatewayTelemetry

@Suite("The history of the last half hour")
struct MetricHistoryTests {
    private func totals(_ change: (inout TrafficTotals) -> Void) -> TrafficTotals {
        var totals = TrafficTotals()
        change(&totals)
        return totals
    }

    @Test("a sample has levels as they are, and counters as what they grew by in a second")
    func rates() throws {
        let history = MetricHistory(loops: 2)
        history.record(totals { $0.opened = 100 }, at: 10, after: 0)
        #expect(history.rows().rows.isEmpty)
        history.record(
            totals {
                $0.active = 7
                $0.opened = 150
                $0.bytesToClient = 1000
                $0.memory = 1 << 20
                $0.loads = [0.25, 0.5]
            }, at: 15, after: 5)
        let rows = history.rows()
        #expect(rows.count == 1 && rows.time == 15)
        let row = try #require(rows.rows.first)
        func column(_ name: String) throws -> Float { row[try #require(HistorySample.names.firstIndex(of: name))] }
        #expect(try column("active") == 7)
        #expect(try column("opened") == 10)
        #expect(try column("bytes_to_client") == 200)
        #expect(try column("memory") == 1_048_576)
        #expect(Array(row.suffix(2)) == [0.25, 0.5])
    }

    @Test("a counter that falls, as the route it was of is gone, counts as none")
    func falling() {
        let history = MetricHistory(loops: 0)
        history.record(totals { $0.messagesFromClient = 50 }, at: 0, after: 0)
        history.record(totals { $0.messagesFromClient = 20 }, at: 5, after: 5)
        #expect(history.rows().rows == [[Float](repeating: 0, count: HistorySample.names.count)])
    }

    @Test("the ring keeps the latest ones, in memory that does not grow")
    func ring() {
        let history = MetricHistory(loops: 1)
        let bytes = history.byteCount
        #expect(bytes == 12 * 4 * 360)
        for number in 0...500 { history.record(totals { $0.active = number }, at: Double(number), after: 1) }
        let rows = history.rows()
        #expect(rows.count == 500)
        #expect(rows.rows.count == MetricHistory.capacity)
        #expect(rows.rows.first?.first == 141 && rows.rows.last?.first == 500)
        #expect(history.byteCount == bytes)
    }

    @Test("those who have seen some get the rest")
    func rest() {
        let history = MetricHistory(loops: 0)
        for number in 0...10 { history.record(totals { $0.active = number }, at: 0, after: 1) }
        #expect(history.rows(after: 8).rows.map(\.first) == [9, 10])
        #expect(history.rows(after: 10).rows.isEmpty)
        #expect(history.rows(after: 99).rows.isEmpty)
        #expect(history.rows(after: -1).rows.count == 10)
    }

    @Test("totals are those of all routes and loops, removed routes included where they count")
    func totalsOfTelemetry() {
        let telemetry = Telemetry(loops: 2, version: "1")
        let route = telemetry.acquire(route: "chat")
        for loop in 0..<2 {
            route.counters(loop: loop).accepted.add(3)
            route.counters(loop: loop).active.add(2)
            route.counters(loop: loop).messagesFromClientText.add(4)
            telemetry.counters(loop: loop).load.set(250)
        }
        telemetry.rejected("no_route")
        let totals = telemetry.trafficTotals(residentMemoryBytes: 9)
        #expect(totals.opened == 6 && totals.active == 4 && totals.messagesFromClient == 8)
        #expect(totals.refused == 1 && totals.memory == 9 && totals.loads == [0.25, 0.25])
        telemetry.release(route)
        #expect(telemetry.trafficTotals().opened == 6)
    }
}
