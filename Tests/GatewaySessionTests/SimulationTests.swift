import Foundation
import GatewayConfig
import GatewaySession
import NIOCore
import PerMessageDeflate
import Testing

/// Random sessions: whatever is sent, cut, delayed or broken off, every message arrives once, whole and in order, or
/// both sides learn how it ended.
///
/// `SLUICE_SIMULATION_RUNS` sets how many (2,000), `SLUICE_SIMULATION_SEED` the first seed (1). A failure names its seed.
@Suite struct SimulationTests {
    private static let shards = 8
    private static let runs = number("SLUICE_SIMULATION_RUNS") ?? 2000
    private static let firstSeed = number("SLUICE_SIMULATION_SEED") ?? 1

    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test(
        "every message arrives once, whole and in order, or the session ends with the right codes",
        arguments: 0..<shards)
    func simulates(shard: Int) {
        var seed = Self.firstSeed + UInt64(shard)
        while seed < Self.firstSeed + Self.runs {
            var simulation = Simulation(seed: seed)
            let faults = simulation.run()
            #expect(faults == [], "SLUICE_SIMULATION_SEED=\(seed) SLUICE_SIMULATION_RUNS=1: \(simulation.summary)")
            seed += UInt64(Self.shards)
        }
    }

    @Test(
        "a message to many sessions arrives at each as it was sent, compressed once or not, among others of its own",
        arguments: 0..<shards)
    func broadcasts(shard: Int) {
        var shared = 0
        var seed = Self.firstSeed + UInt64(shard)
        while seed < Self.firstSeed + max(Self.runs / 8, 1) {
            var simulation = BroadcastSimulation(seed: seed)
            let faults = simulation.run()
            #expect(faults == [], "SLUICE_SIMULATION_SEED=\(seed) SLUICE_SIMULATION_RUNS=1")
            shared += simulation.shared
            seed += UInt64(Self.shards)
        }
        #expect(shared > 0 || Self.runs < 100, "nothing was shared, so nothing was shown")
    }
}
