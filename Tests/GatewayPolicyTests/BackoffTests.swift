import GatewayPolicy
import NIOCore
import Testing

@Suite("Backoff")
struct BackoffTests {
    @Test(
        arguments: [
            (-1, 0), (0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (.max, 30),
        ] as [(Int, Int64)])
    func itDoublesUpToTheMaximum(failures: Int, seconds: Int64) {
        #expect(Backoff().delay(after: failures, jitter: 1) == .seconds(seconds))
    }

    @Test(arguments: [(0, 2000), (0.5, 3000), (1, 4000), (-3, 2000), (7, 4000), (.nan, 4000)] as [(Double, Int64)])
    func jitterTakesUpToHalfAway(jitter: Double, milliseconds: Int64) {
        #expect(Backoff().delay(after: 3, jitter: jitter) == .milliseconds(milliseconds))
    }

    @Test(
        arguments: [
            (Backoff(base: .zero), 0), (Backoff(base: .seconds(-1)), 0), (Backoff(base: .seconds(60)), 30),
            (Backoff(factor: 0.5), 1), (Backoff(factor: .infinity), 30),
        ] as [(Backoff, Int64)])
    func oddParametersStayBounded(backoff: Backoff, seconds: Int64) {
        #expect(backoff.delay(after: .max, jitter: 1) == .seconds(seconds))
    }
}
