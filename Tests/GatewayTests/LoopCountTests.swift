import GatewayConfig
import NIOCore
import Testing

@testable import Gateway

@Suite("How many event loops a gateway starts with")
struct LoopCountTests {
    @Test(
        "as many as the configuration names, and one a core where it names none",
        arguments: [
            (0, System.coreCount), (1, 1), (2, 2), (1024, 1024),
        ])
    func counted(eventLoops: Int, expected: Int) {
        var limits = ProcessLimits()
        limits.eventLoops = eventLoops
        #expect(limits.loopCount == expected)
    }
}
