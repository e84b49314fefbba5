import NIOCore
import Testing

@testable import HTTP2Core

@Suite("Flood meter")
struct FloodMeterTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("allows a burst, and what comes back with time")
    func burst() {
        var meter = FloodMeter(burst: 3, perSecond: 2)
        let times: [(after: TimeAmount, allowed: Bool)] = [
            (.zero, true), (.zero, true), (.zero, true), (.zero, false), (.milliseconds(499), false),
            (.milliseconds(500), true), (.milliseconds(501), false), (.hours(100), true), (.hours(100), true),
            (.hours(100), true), (.hours(100), false),
        ]
        for (after, expected) in times {
            let allowed = meter.allows(now: Self.start + after)
            #expect(allowed == expected, "after \(after)")
        }
    }

    @Test("allows as many in the long run, however often it is asked", arguments: [1, 300, 999, 1001, 1999, 7001])
    func rate(microseconds: Int64) {
        var meter = FloodMeter(burst: 10, perSecond: 100)
        var allowed = 0
        for turn in 0..<(10_000_000 / microseconds)
        where meter.allows(now: Self.start + .microseconds(turn * microseconds)) {
            allowed += 1
        }
        #expect((1000...1010).contains(allowed), "in ten seconds, asked every \(microseconds) µs")
    }

    @Test("counts what costs more for more, and refuses it without taking what is left")
    func cost() {
        var meter = FloodMeter(burst: 10, perSecond: 1)
        for (cost, expected) in [(6, true), (5, false), (4, true), (1, false)] as [(Int64, Bool)] {
            let allowed = meter.allows(cost, now: Self.start)
            #expect(allowed == expected, "cost \(cost)")
        }
    }

    @Test("a clock that jumps changes nothing that was granted")
    func jumps() {
        var meter = FloodMeter(burst: 1_000_000, perSecond: 1_000_000)
        let last = UInt64(Int64.max)
        for (time, expected) in [(5, true), (last, true), (0, false), (1, false), (last, false)] as [(UInt64, Bool)] {
            let allowed = meter.allows(1_000_000, now: .uptimeNanoseconds(time))
            #expect(allowed == expected, "at \(time)")
        }
    }
}
