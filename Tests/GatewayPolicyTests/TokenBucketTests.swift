import GatewayPolicy
import NIOCore
import Testing

@Suite("Token bucket")
struct TokenBucketTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func aBurstPassesThenTheRate() {
        var bucket = TokenBucket(rate: 10, burst: 3, now: Self.start)
        let times: [Int64] = [0, 0, 0, 0, 0, 99, 101, 102]
        let taken = times.map { bucket.take(now: Self.start + .milliseconds($0)) }
        #expect(taken == [true, true, true, false, false, false, true, false])
    }

    @Test func itNeverHoldsMoreThanTheBurst() {
        var bucket = TokenBucket(rate: 1000, burst: 2, now: Self.start)
        let taken = (0..<3).map { _ in bucket.take(now: .distantFuture) }
        #expect(taken == [true, true, false])
    }

    @Test func aClockThatGoesBackAddsNothing() {
        var bucket = TokenBucket(rate: 1, burst: 1, now: Self.start)
        let taken = [Self.start, .distantPast, Self.start].map { bucket.take(now: $0) }
        #expect(taken == [true, false, false])
    }

    @Test func theWaitIsAsLongAsItTakes() {
        var bucket = TokenBucket(rate: 4, burst: 2, now: Self.start)
        let full = bucket.wait(for: 2, now: Self.start)
        let taken = bucket.take(2, now: Self.start)
        let empty = bucket.wait(for: 1, now: Self.start)
        let takenAfterTheWait = bucket.take(1, now: Self.start + .milliseconds(250))
        let never = bucket.wait(for: 3, now: Self.start)
        #expect(full == .zero)
        #expect(taken)
        #expect(empty == .milliseconds(250))
        #expect(takenAfterTheWait)
        #expect(never == nil)
    }

    @Test(arguments: [(0, 1), (-5, 1), (.nan, .nan), (.infinity, -1)] as [(Double, Double)])
    func senselessNumbersLetOnePass(rate: Double, burst: Double) {
        var bucket = TokenBucket(rate: rate, burst: burst, now: Self.start)
        let taken = [Self.start, .distantFuture].map { bucket.take(now: $0) }
        let wait = bucket.wait(now: .distantFuture)
        #expect(taken == [true, false])
        #expect(wait == nil)
    }
}
