import GatewaySession
import NIOCore
import Testing
import WebSocketCore

@testable import GatewayNIO

/// Of sessions that have ended meanwhile: the pace is the same.
@Suite("Ending sessions one after the other", .timeLimit(.minutes(2)))
struct SheddingTests {
    private let shedding = Shedding(payload: ClosePayload(code: .serviceRestart, reason: "test"), grace: .seconds(1))

    private func targets(_ count: Int) async throws -> [Shedding.Target] {
        let process = ProcessState.forTests()
        let generation = try Generation(
            configuration("listeners: [{ name: a, address: \"127.0.0.1:0\" }]\nroutes: [{ name: a, respond: 200 }]"),
            process: process)
        let loops = try await LoopHandle.shared(process, generation)
        return (0..<count).map { Shedding.Target(loop: loops[$0 % loops.count], id: SessionID($0)) }
    }

    /// How often it was asked whether they are still to end, and how long all took.
    private func run(
        _ count: Int, perSecond: Double?, until limit: Int = .max
    ) async throws -> (asked: Int, took: Duration) {
        let targets = try await targets(count)
        let asked = Count()
        let start = ContinuousClock.now
        await shedding.run(targets, perSecond: perSecond) {
            asked.add() <= limit
        }
        return (asked.value, .now - start)
    }

    @Test("without a pace all go at once")
    func atOnce() async throws {
        #expect(try await run(1000, perSecond: nil).asked == 1)
        #expect(try await run(0, perSecond: nil).asked == 0)
        #expect(try await run(0, perSecond: 1).asked == 0)
    }

    @Test("the first goes at once, the others at the pace")
    func pace() async throws {
        // At one a day, more than the first would not end.
        #expect(try await run(1, perSecond: 1.0 / 86_400).asked == 1)
        // Three in between, 50 ms each.
        #expect(try await run(4, perSecond: 20).took >= .milliseconds(150))
    }

    @Test("a pace faster than the clock ends them all as well", arguments: [1e6, 1e300, Double.infinity])
    func fast(perSecond: Double) async throws {
        #expect(try await run(1000, perSecond: perSecond).asked < 1000)
    }

    @Test("those that are left stay when nobody wants it any more")
    func unwanted() async throws {
        #expect(try await run(10, perSecond: 1.0 / 86_400, until: 2).asked == 3)
        #expect(try await run(10, perSecond: nil, until: 0).asked == 1)
    }
}
