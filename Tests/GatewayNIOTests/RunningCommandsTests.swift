import Testing

@testable import GatewayNIO

@Suite struct RunningCommandsTests {
    @Test func noneIsWaitedForWhereNoneRuns() async {
        await RunningCommands().endAll()
    }

    @Test func eachIsToldAndWaitedFor() async {
        let commands = RunningCommands()
        // Numbers that no process has: Linux has at most 2²².
        for group: Int32 in [2_000_000_001, 2_000_000_002] {
            commands.add(group, killAfter: .seconds(60)) { Task { commands.remove(group) } }
        }
        await commands.endAll()
    }

    @Test func whoDoesNotGoIsLeftBehindInTheEnd() async {
        let commands = RunningCommands()
        commands.add(2_000_000_001, killAfter: .zero) {}
        let begun = ContinuousClock.now
        await commands.endAll()
        #expect(ContinuousClock.now - begun >= .seconds(1))
    }
}
