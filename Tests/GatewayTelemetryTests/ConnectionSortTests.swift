import Testing

@testable import GatewayTelemetry

@Suite("Sorting and searching WebSockets")
struct ConnectionSortTests {
    private typealias Ranked = ConnectionSort.Ranked<String>

    @Test("pages follow the order, and equal keys the numbers")
    func pages() {
        let ranked = [
            Ranked(key: .number(2), id: 1, value: "a"), Ranked(key: .number(10), id: 2, value: "b"),
            Ranked(key: .number(2), id: 0, value: "c"),
        ]
        func values(_ descending: Bool, _ offset: Int = 0, _ limit: Int = 9) -> String {
            ConnectionSort.page(ranked, descending: descending, offset: offset, limit: limit).map(\.value).joined()
        }
        #expect(values(true) == "bca")
        #expect(values(false) == "cab")
        #expect(values(false, 1, 1) == "a")
        #expect(values(false, 3) == "" && values(false, 0, 0) == "")
    }

    @Test("the pages of several loops, put together, are those of all")
    func merging() {
        let all = (0..<40).map { Ranked(key: .text("\($0 * 7 % 13)"), id: UInt64($0), value: "\($0)") }
        let whole = ConnectionSort.page(all, descending: true, offset: 5, limit: 10).map(\.value)
        let parts: [Ranked] = [0, 1, 2].flatMap { (loop: UInt64) -> [Ranked] in
            ConnectionSort.page(all.filter { $0.id % 3 == loop }, descending: true, limit: 15)
        }
        #expect(ConnectionSort.page(parts, descending: true, offset: 5, limit: 10).map(\.value) == whole)
    }

    @Test(
        "text is found wherever it is, in either case",
        arguments: [
            ("", "x", true), ("chat", "/Chat/room", true), ("ROOM", "/chat/room", true), ("x", "", false),
            ("abc", "ab", false), ("äb", "xÄB", false), ("äb", "xäB", true), ("aab", "aaab", true),
        ])
    func search(text: String, within: String, isFound: Bool) {
        #expect(SearchText(text).isIn(within) == isFound)
    }

    @Test("the slowest handshakes of an hour are kept, slowest first")
    func slowHandshakes() {
        var slow = SlowHandshakes()
        func add(_ seconds: Double, at time: Double) {
            guard slow.keeps(seconds, now: time) else { return }
            slow.add(.init(seconds: seconds, time: time, client: "c", server: "s", requestID: "r"))
        }
        for number in 1...20 { add(Double(number % 10), at: Double(number)) }
        #expect(slow.records.map(\.seconds) == [9, 9, 8, 8, 7, 7, 6, 6])
        #expect(!slow.keeps(1, now: 21))
        add(1, at: 5000)
        #expect(slow.records.map(\.seconds) == [1])
    }

    @Test("what takes its time is shown while it does")
    func operations() {
        let operations = Operations()
        let operation = operations.begin("drain server", subject: "a:1", total: 3, perSecond: 50)
        operation.told.add(2)
        #expect(
            operations.snapshots == [
                .init(id: 1, kind: "drain server", subject: "a:1", total: 3, told: 2, perSecond: 50)
            ])
        operations.end(operation)
        #expect(operations.snapshots.isEmpty)
        for _ in 0..<100 { _ = operations.begin("close", subject: "", total: 1, perSecond: nil) }
        #expect(operations.snapshots.count == 64)
    }
}
