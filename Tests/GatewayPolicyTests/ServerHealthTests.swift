import GatewayConfig
import GatewayPolicy
import NIOCore
import Testing

@Suite("What checks make of a server")
struct ServerHealthTests {
    static let passed = ServerHealth.Outcome(failure: nil, seconds: 0.1)
    static let failed = ServerHealth.Outcome(failure: "down", seconds: 0.2)

    /// `+` passes, `-` fails, `!` forgets the row; each check is followed by how the server stands: `?`, `h` or `u`.
    @Test(arguments: [
        ("+h", 3, 2),
        ("-? -? -u -u", 3, 2),
        ("-u", 1, 1),
        ("-? +h -h +h -h -h -u", 3, 2),
        ("+h -h -h +h -h -h -u +u -u +u +h", 3, 2),
        ("-u +h -u +h", 1, 1),
        ("-? -? !? -? -? -u +u !u +u +h", 3, 2),
    ])
    func standing(story: String, unhealthyAfter: Int, healthyAfter: Int) {
        var health = ServerHealth()
        #expect(health.standing == .unknown && health.latest == nil)
        for step in story.split(separator: " ") {
            switch step.first {
            case "+": health.note(Self.passed, unhealthyAfter: unhealthyAfter, healthyAfter: healthyAfter)
            case "-": health.note(Self.failed, unhealthyAfter: unhealthyAfter, healthyAfter: healthyAfter)
            default: health.forgetRow()
            }
            let expected: [Character: ServerHealth.Standing] = ["?": .unknown, "h": .healthy, "u": .unhealthy]
            #expect(health.standing == step.last.flatMap { expected[$0] }, "at \(step) of \(story)")
        }
        #expect(health.latest == (story.split(separator: " ").last?.first == "+" ? Self.passed : Self.failed))
    }

    static let check = HealthCheck(unhealthyAfter: 2, healthyAfter: 2)
    static let now = ServerSelectorTests.now

    @Test("only what changes is news, and that a server is well is none before anybody doubted it")
    func news() {
        let record = ServerRecord(address: ServerSelectorTests.address(0))
        let outcomes = [Self.passed, Self.passed, Self.failed, Self.failed, Self.failed, Self.passed, Self.passed]
        let news = outcomes.map { record.checked($0, by: Self.check, now: Self.now) }
        #expect(news == [nil, nil, nil, .unhealthy, nil, nil, .healthy])
    }

    @Test("an unhealthy server gets nothing, though there be no other")
    func selection() throws {
        let selector = ServerSelectorTests.selector(.leastConnections, weights: [1, 1])
        for _ in 0..<2 { _ = selector.records[0].checked(Self.failed, by: Self.check, now: Self.now) }
        #expect(try ServerSelectorTests.pick(selector, 3).map(\.number) == [1, 1, 1])
        for _ in 0..<2 { _ = selector.records[1].checked(Self.failed, by: Self.check, now: Self.now) }
        #expect(throws: SelectionFailure.noneLeft) { try ServerSelectorTests.pick(selector, 1) }
        #expect(selector.snapshot().map(\.healthy) == [false, false])
        for _ in 0..<2 { _ = selector.records[0].checked(Self.passed, by: Self.check, now: Self.now) }
        #expect(try ServerSelectorTests.pick(selector, 2).map(\.number) == [0, 0])
        selector.records[1].checksEnd()
        #expect(try ServerSelectorTests.pick(selector, 2).map(\.number).contains(1))
    }

    @Test("a server that failed a client rests all the same, unless it could not be reached")
    func rest() {
        let record = ServerRecord(address: ServerSelectorTests.address(0))
        record.failed(now: Self.now, jitter: 1)
        _ = record.checked(Self.passed, by: Self.check, now: Self.now)
        #expect(record.snapshot(now: Self.now).isResting)
        record.failed(isUnreachable: true, now: Self.now, jitter: 1)
        _ = record.checked(Self.passed, by: Self.check, now: Self.now)
        #expect(!record.snapshot(now: Self.now).isResting && !record.isUnreachable)
    }

    @Test("without checks a look is due at once")
    func looks() {
        let record = ServerRecord(address: ServerSelectorTests.address(0))
        record.checksBegin()
        #expect(record.health?.standing == .unknown)
        _ = record.checked(Self.passed, by: Self.check, now: Self.now)
        record.checksEnd()
        #expect(record.health == nil)
        #expect(record.isLookDue(interval: .seconds(10), whileUnreachable: .seconds(1), now: Self.now))
    }
}
