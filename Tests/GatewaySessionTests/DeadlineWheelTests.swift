import GatewaySession
import NIOCore
import TestSupport
import Testing

@Suite struct DeadlineWheelTests {
    private let start = NIODeadline.uptimeNanoseconds(12_345_678_901)

    @Test("an empty wheel never wakes")
    func isEmpty() {
        var wheel = DeadlineWheel<Int>(now: start)
        #expect(wheel.nextWake == nil)
        #expect(wheel.due(now: start + .hours(1)) == [])
        #expect(wheel.count == 0)
    }

    @Test(
        "an entry fires at the wake-up it asked for: never early, at most a tick late",
        arguments: [0, 1, 49, 50, 51, 1000, 51_150, 51_200, 51_250, 300_000, 86_400_000])
    func fires(milliseconds: Int64) throws {
        var wheel = DeadlineWheel<Int>(now: start)
        let deadline = start + .milliseconds(milliseconds)
        wheel.add(7, at: deadline)
        var now = start
        var fired: [Int] = []
        var turns = 0
        while fired.isEmpty, turns < 2000 {
            now = max(now, try #require(wheel.nextWake))
            fired = wheel.due(now: now)
            turns += 1
        }
        #expect(fired == [7])
        #expect(now >= deadline && now - deadline <= .milliseconds(50))
        #expect(turns <= 1 + Int(milliseconds / 51_150), "one turn for each time round the wheel")
        #expect(wheel.count == 0 && wheel.nextWake == nil)
    }

    @Test("a deadline that has passed fires at the next tick, and a distant one stays")
    func takesAnyDeadline() {
        var wheel = DeadlineWheel<Int>(now: start)
        wheel.add(1, at: .uptimeNanoseconds(0))
        wheel.add(2, at: .distantFuture)
        #expect(wheel.due(now: start + .milliseconds(50)) == [1])
        #expect(wheel.due(now: start + .hours(100)) == [])
        #expect(wheel.count == 1)
    }

    @Test("time that stands still or goes back fires nothing twice")
    func toleratesStandstill() {
        var wheel = DeadlineWheel<Int>(now: start)
        wheel.add(1, at: start)
        #expect(wheel.due(now: start + .seconds(1)) == [1])
        #expect(wheel.due(now: start + .seconds(1)) == [])
        #expect(wheel.due(now: start) == [])
        wheel.add(2, at: start)
        #expect(wheel.due(now: start + .milliseconds(1051)) == [2])
    }

    @Test("agrees with a plain list, whatever is added and however time jumps", arguments: [UInt64](1...20))
    func agreesWithList(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var wheel = DeadlineWheel<Int>(tick: .milliseconds(10), slots: 16, now: start)
        var list: [Int: NIODeadline] = [:]
        var now = start
        for id in 0..<500 {
            let deadline = now + .milliseconds(Int64.random(in: -20...500, using: &generator))
            wheel.add(id, at: deadline)
            // What is past when it is added fires at the next tick.
            list[id] = max(deadline, now)
            guard generator.chance(40) else { continue }
            now = now + .milliseconds(Int64.random(in: 0...(generator.chance(10) ? 900 : 40), using: &generator))
            for fired in wheel.due(now: now) {
                let deadline = list.removeValue(forKey: fired)
                #expect(deadline.map { $0 <= now } == true, "seed \(seed): \(fired) fired early or twice")
            }
            let late = list.filter { $0.value + .milliseconds(20) <= now }
            #expect(late.isEmpty, "seed \(seed): did not fire in time")
            #expect(wheel.count == list.count)
        }
    }
}
