import GatewayPolicy
import NIOCore
import Testing

@Suite("Lines of which there may be too many")
struct LineThrottleTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("the first of an interval comes through, and says how many before it did not")
    func interval() {
        var throttle = LineThrottle<String>(interval: .seconds(10))
        #expect(throttle.pass("a", now: start) == 0)
        for second in 1..<10 { #expect(throttle.pass("a", now: start + .seconds(Int64(second))) == nil) }
        #expect(throttle.pass("a", now: start + .seconds(10)) == 9)
        #expect(throttle.pass("a", now: start + .seconds(11)) == nil)
        #expect(throttle.pass("a", now: start + .seconds(60)) == 1)
        #expect(throttle.pass("a", now: start + .seconds(120)) == 0)
    }

    @Test("kinds don't keep each other back")
    func kinds() {
        var throttle = LineThrottle<String>(interval: .seconds(10))
        #expect(throttle.pass("a", now: start) == 0)
        #expect(throttle.pass("b", now: start) == 0)
        #expect(throttle.pass("a", now: start) == nil)
        #expect(throttle.pass("b", now: start + .seconds(10)) == 0)
    }
}
