import NIOCore
import Testing

@testable import GatewayPolicy

@Suite("Attempts at several addresses (RFC 8305 §5)")
struct ConnectionRaceTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let delay = ConnectionRace.attemptDelay

    @Test("the next attempt begins when the delay is over, beside the one before")
    func delays() {
        var race = ConnectionRace(count: 3)
        #expect(race.step(now: now) == .begin(0))
        #expect(race.step(now: now) == .wait(until: now + delay))
        #expect(race.step(now: now + .milliseconds(249)) == .wait(until: now + delay))
        #expect(race.step(now: now + delay) == .begin(1))
        #expect(race.step(now: now + delay) == .wait(until: now + delay * 2))
        #expect(race.step(now: now + delay * 2) == .begin(2))
        #expect(race.step(now: now + delay * 9) == .waitForAttempts)
    }

    @Test("it begins at once when one fails")
    func failures() {
        var race = ConnectionRace(count: 3)
        #expect(race.step(now: now) == .begin(0))
        race.failed(0)
        #expect(race.step(now: now) == .begin(1))
        #expect(race.step(now: now) == .wait(until: now + delay))
        race.failed(1)
        #expect(race.step(now: now) == .begin(2))
        race.failed(2)
        #expect(race.step(now: now) == .lost)
    }

    @Test("a failure of one lets those that are still under way go on")
    func oneOfTwoFails() {
        var race = ConnectionRace(count: 2)
        #expect(race.step(now: now) == .begin(0))
        #expect(race.step(now: now + delay) == .begin(1))
        race.failed(1)
        #expect(race.step(now: now + delay) == .waitForAttempts)
        race.failed(0)
        race.failed(0)
        #expect(race.step(now: now + delay) == .lost)
    }

    @Test("without an address it is lost")
    func empty() {
        var race = ConnectionRace(count: 0)
        #expect(race.step(now: now) == .lost)
    }
}
