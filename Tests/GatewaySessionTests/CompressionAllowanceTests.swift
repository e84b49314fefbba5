import GatewayConfig
import PerMessageDeflate
import Testing

@testable import GatewaySession

@Suite("What is left of compression_memory")
struct CompressionAllowanceTests {
    private static let limit = 1 << 20
    private static let inflater = Inflater.memory(windowBits: 15)
    private static let connection = inflater + Deflater.memory(windowBits: 12, memoryLevel: 5)

    private static let cases: [(used: Int, allowance: CompressionAllowance)] = {
        let lastFull: Int = limit - limit / 8 - connection
        let lastCompressed: Int = limit - limit / 16
        return [
            (0, .full), (lastFull, .full), (lastFull + 1, .noContextTakeover), (lastCompressed, .noContextTakeover),
            (lastCompressed + 1, .none), (limit, .none), (limit + limit, .none),
        ]
    }()

    @Test("new connections get no context takeover, then no compression", arguments: cases)
    func left(used: Int, allowance: CompressionAllowance) {
        let memory = CompressionMemory(limit: Self.limit)
        memory.take(used)
        #expect(CompressionAllowance(memory, settings: CompressionSettings()) == allowance)
    }

    @Test("a limit that holds no inflater allows nothing")
    func tiny() {
        for limit in [0, 1, Self.inflater - 1] {
            #expect(
                CompressionAllowance(CompressionMemory(limit: limit), settings: CompressionSettings()) == .none)
        }
    }
}
