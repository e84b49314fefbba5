import GatewayTelemetry
import Synchronization
import Testing

@testable import GatewayAdmin

@Suite("Events of the dashboard")
struct LiveFeedTests {
    private func names(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("event: ") }
            .map { String($0.dropFirst(7)) }
    }

    @Test("the first events tell everything, those after them what has changed")
    func changes() {
        let source = DashboardSource.sample
        let feed = LiveFeed(source)
        let first = feed.events(after: LiveFeed.Cursor())
        #expect(names(first.bytes) == ["configuration", "state", "samples", "warnings"])
        let second = feed.events(after: first.cursor)
        #expect(names(second.bytes) == ["state"])
        source.warnings.add(.init(time: "t", level: "warning", message: "m", fields: [:]))
        var totals = TrafficTotals()
        source.history.record(totals, at: 1, after: 0)
        totals.opened = 5
        source.history.record(totals, at: 6, after: 5)
        let third = feed.events(after: second.cursor)
        #expect(names(third.bytes) == ["state", "samples", "warnings"])
        #expect(names(feed.events(after: third.cursor).bytes) == ["state"])
    }

    @Test("each event is one line of data and an empty line, whatever it holds")
    func framing() {
        let source = DashboardSource.sample
        source.warnings.add(.init(time: "t", level: "error", message: "a\nevent: forged\n\ndata: x", fields: [:]))
        let text = String(decoding: LiveFeed(source).events(after: LiveFeed.Cursor()).bytes, as: UTF8.self)
        for block in text.split(separator: "\n\n") {
            let lines = block.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
        }
        #expect(!text.contains("\nevent: forged"))
    }

    @Test("those who watch at once share the state")
    func sharing() {
        let calls = Mutex(0)
        var source = DashboardSource.sample
        let live = source.live
        source.live = {
            calls.withLock { $0 += 1 }
            return live()
        }
        let feed = LiveFeed(source)
        for _ in 0..<5 { _ = feed.events(after: LiveFeed.Cursor()) }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test("places are bounded, and come back")
    func places() {
        let feed = LiveFeed(.sample)
        for _ in 0..<LiveFeed.maximumStreams { #expect(feed.enter()) }
        #expect(!feed.enter())
        feed.leave()
        #expect(feed.enter())
    }
}
