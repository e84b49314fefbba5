import NIOCore
import Testing

@testable import HTTP2Core

struct FloodMeterTests {
    @Test func allowsABurstAndWhatComesBackWithTime() {
        var meter = FloodMeter(burst: 3, perSecond: 2)
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let times: [(after: TimeAmount, allowed: Bool)] = [
            (.zero, true), (.zero, true), (.zero, true), (.zero, false), (.milliseconds(499), false),
            (.milliseconds(500), true), (.milliseconds(501), false), (.hours(100), true), (.hours(100), true),
            (.hours(100), true), (.hours(100), false),
        ]
        for (after, expected) in times {
            let allowed = meter.allows(now: start + after)
            #expect(allowed == expected, "after \(after)")
        }
    }
}
