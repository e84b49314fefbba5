import NIOCore
import Testing

@testable import HTTP2Core

struct FloodMeterTests {
    @Test func allowsABurstAndWhatComesBackWithTime() {
        var meter = FloodMeter(burst: 3, perSecond: 2)
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        #expect((0..<3).allSatisfy { _ in meter.allows(now: start) })
        #expect(!meter.allows(now: start))
        #expect(!meter.allows(now: start + .milliseconds(499)))
        #expect(meter.allows(now: start + .milliseconds(500)))
        #expect(!meter.allows(now: start + .milliseconds(501)))
        let late = start + .hours(100)
        #expect((0..<3).allSatisfy { _ in meter.allows(now: late) })
        #expect(!meter.allows(now: late))
    }
}
