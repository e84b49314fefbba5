import NIOCore
import TestSupport
import Testing

@testable import HTTP2Core

@Suite("Receive window (RFC 9113 §5.2, §6.9)")
struct ReceiveWindowTests {
    static let start = NIODeadline.uptimeNanoseconds(5_000_000_000)

    @Test("begins with 65,535 bytes, the initial value of SETTINGS_INITIAL_WINDOW_SIZE")
    func initial() {
        var window = ReceiveWindow()
        let all = window.received(65_535)
        #expect(all)
        #expect(window.available == 0)
        let more = window.received(1)
        #expect(!more, "a byte beyond the window")
        let none = window.received(0)
        #expect(none, "an empty frame needs no window")
    }

    @Test("is refilled when half of it was consumed, and not for less")
    func refill() {
        var window = ReceiveWindow()
        var budget = 0
        _ = window.received(65_535)
        #expect(window.consumed(32_766, budget: &budget, now: Self.start) == nil)
        #expect(window.consumed(1, budget: &budget, now: Self.start) == 32_767)
        #expect(window.available == 32_767)
        #expect(window.consumed(32_768, budget: &budget, now: Self.start) == 32_768)
        #expect(window.available == 65_535)
    }

    @Test("doubles up to 4 MiB while half a window is consumed within 100 ms")
    func growth() {
        var window = ReceiveWindow()
        var budget = 16 * 1024 * 1024
        var now = Self.start
        var sizes: [Int] = []
        for _ in 0..<10 {
            let count = window.available
            _ = window.received(count)
            let increment = window.consumed(count, budget: &budget, now: now)
            #expect(increment.map { Int($0) } == window.available, "of nothing to \(window.available)")
            sizes.append(window.size)
            now = now + .milliseconds(99)
        }
        #expect(sizes.first == 65_535, "the first half shows no speed yet")
        #expect(Array(sizes[1...6]) == (1...6).map { min(65_535 << $0, 4 * 1024 * 1024) })
        #expect(sizes.last == 4 * 1024 * 1024)
        #expect(budget == 16 * 1024 * 1024 - window.growth)
    }

    @Test("does not grow for a slow reader, nor beyond the connection's budget", arguments: [100, 5000])
    func noGrowth(milliseconds: Int64) {
        var slow = ReceiveWindow()
        var poor = ReceiveWindow()
        var budget = 1 << 20
        var little = 65_534
        for turn: Int64 in 0..<5 {
            _ = slow.received(32_767)
            _ = slow.consumed(32_767, budget: &budget, now: Self.start + .milliseconds(turn * milliseconds))
            _ = poor.received(32_767)
            _ = poor.consumed(32_767, budget: &little, now: Self.start)
        }
        #expect(slow.size == 65_535)
        #expect(budget == 1 << 20)
        #expect(poor.size == 65_535)
        #expect(little == 65_534)
    }

    @Test("more consumed than came grants nothing more, whatever the number", arguments: [1, 65_535, 1 << 31, Int.max])
    func overconsumed(count: Int) {
        var window = ReceiveWindow()
        var budget = 0
        #expect(window.consumed(count, budget: &budget, now: Self.start) == nil)
        _ = window.received(40_000)
        _ = window.consumed(count, budget: &budget, now: Self.start)
        _ = window.consumed(Int.max, budget: &budget, now: Self.start)
        #expect(window.available == 65_535)
    }

    @Test("a sender that keeps to what it was told is never refused, and never told of more than the window")
    func randomly() {
        for seed: UInt64 in 1...200 {
            var generator = SeededGenerator(seed: seed)
            var window = ReceiveWindow()
            var budget = Int.random(in: 0...10_000_000, using: &generator)
            let whole = budget
            var granted = 65_535
            var unread = 0
            var now = Self.start
            for _ in 0..<200 {
                let count = Int.random(in: 0...min(granted, 50_000), using: &generator)
                let isAllowed = window.received(count)
                #expect(isAllowed, "seed \(seed)")
                granted -= count
                unread += count
                let read = Int.random(in: 0...unread, using: &generator)
                unread -= read
                granted += window.consumed(read, budget: &budget, now: now).map { Int($0) } ?? 0
                #expect(window.available == granted, "seed \(seed)")
                #expect(granted + unread <= window.size, "seed \(seed)")
                #expect(granted + unread > window.size / 2, "seed \(seed): a reader would starve")
                #expect(whole - budget == window.growth, "seed \(seed)")
                now = now + .milliseconds(Int64.random(in: 0...200, using: &generator))
            }
        }
    }
}
