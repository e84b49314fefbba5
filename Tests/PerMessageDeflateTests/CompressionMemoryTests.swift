import PerMessageDeflate
import Testing

@Suite("The account of compression memory")
struct CompressionMemoryTests {
    @Test("reserves up to its limit and no further")
    func reserve() {
        let memory = CompressionMemory(limit: 100)
        #expect(memory.reserve(60))
        #expect(!memory.reserve(41))
        #expect(memory.used == 60)
        #expect(memory.reserve(40))
        memory.release(100)
        #expect(memory.used == 0)
        #expect(!memory.reserve(.max))
    }

    @Test("takes past its limit what cannot be done without")
    func take() {
        let memory = CompressionMemory(limit: 10)
        memory.take(15)
        #expect(memory.used == 15)
        #expect(!memory.reserve(1))
        #expect(!memory.reserve(.max))
        memory.release(15)
        #expect(memory.reserve(10))
    }

    @Test("adds up over threads")
    func threads() async {
        let memory = CompressionMemory(limit: 1000)
        let granted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<1000).count { _ in memory.reserve(1) } }
            }
            return await group.reduce(0, +)
        }
        #expect(granted == 1000)
        #expect(memory.used == 1000)
    }
}
