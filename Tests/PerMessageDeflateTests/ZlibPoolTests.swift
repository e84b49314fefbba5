import NIOCore
import PerMessageDeflate
import TestSupport
import Testing

@Suite("The pool of zlib streams")
struct ZlibPoolTests {
    static let deflaterMemory = Deflater.memory(windowBits: 12, memoryLevel: 5)
    static let inflaterMemory = Inflater.memory(windowBits: 15)

    @Test("counts streams in use and idle, and gives all memory back")
    func account() throws {
        let memory = CompressionMemory(limit: 1 << 20)
        do {
            let pool = ZlibPool(memory: memory)
            let deflater = try pool.takeDeflater(windowBits: 12, memoryLevel: 5)
            let inflater = try pool.takeInflater(windowBits: 15)
            #expect(memory.used == Self.deflaterMemory + Self.inflaterMemory)
            pool.give(back: deflater)
            pool.give(back: inflater)
            #expect(memory.used == Self.deflaterMemory + Self.inflaterMemory)
            let again = try pool.takeDeflater(windowBits: 12, memoryLevel: 5)
            #expect(memory.used == Self.deflaterMemory + Self.inflaterMemory)
            pool.give(back: again)
            pool.trim()
            #expect(memory.used == 0)
            pool.give(back: try pool.takeInflater(windowBits: 8))
            #expect(memory.used == Inflater.memory(windowBits: 8))
        }
        #expect(memory.used == 0, "a pool that is gone holds nothing")
    }

    @Test("counts a stream until it is freed, given back or not")
    func dropped() throws {
        let memory = CompressionMemory(limit: 1 << 20)
        let pool = ZlibPool(memory: memory)
        do {
            let deflater = try pool.takeDeflater(windowBits: 12, memoryLevel: 5)
            #expect(memory.used == Self.deflaterMemory)
            _ = consume deflater
        }
        #expect(memory.used == 0)
    }

    @Test("keeps at most so many of each set of parameters")
    func maximumIdle() throws {
        let memory = CompressionMemory(limit: 1 << 20)
        let pool = ZlibPool(memory: memory, maximumIdle: 1)
        let first = try pool.takeInflater(windowBits: 10)
        let second = try pool.takeInflater(windowBits: 10)
        let other = try pool.takeInflater(windowBits: 11)
        pool.give(back: first)
        pool.give(back: second)
        pool.give(back: other)
        #expect(memory.used == Inflater.memory(windowBits: 10) + Inflater.memory(windowBits: 11))
    }

    @Test("gives out streams that remember nothing")
    func reset() throws {
        let pool = ZlibPool(memory: CompressionMemory(limit: 1 << 20))
        for _ in 0..<3 {
            var deflater = try pool.takeDeflater(windowBits: 15, memoryLevel: 8)
            let payload = try compress(Array("Hello".utf8), with: &deflater)
            #expect(Bytes(payload) == "f2 48 cd c9 c9 07 00")
            pool.give(back: deflater)
            var inflater = try pool.takeInflater(windowBits: 15)
            // Left inside a message.
            var output = ByteBuffer()
            _ = try payload.withUnsafeBytes {
                try inflater.inflate(UnsafeRawBufferPointer(rebasing: $0[..<3]), into: &output, limit: .max)
            }
            pool.give(back: inflater)
        }
        var inflater = try pool.takeInflater(windowBits: 15)
        let output = try inflate(Bytes("f2 48 cd c9 c9 07 00").values, with: &inflater)
        #expect(output == Array("Hello".utf8))
    }

    @Test("refuses what would go over the limit")
    func limit() throws {
        let memory = CompressionMemory(limit: Self.deflaterMemory)
        let pool = ZlibPool(memory: memory)
        let deflater = try pool.takeDeflater(windowBits: 12, memoryLevel: 5)
        #expect(throws: ZlibError.overMemoryLimit(needed: Self.deflaterMemory, limit: Self.deflaterMemory)) {
            let another = try pool.takeDeflater(windowBits: 12, memoryLevel: 5)
            _ = consume another
        }
        #expect(throws: ZlibError.overMemoryLimit(needed: Self.inflaterMemory, limit: Self.deflaterMemory)) {
            let inflater = try pool.takeInflater(windowBits: 15)
            _ = consume inflater
        }
        #expect(memory.used == Self.deflaterMemory)
        pool.give(back: deflater)
    }

    @Test("counts a promise as long as it holds, past the limit too")
    func promise() throws {
        let memory = CompressionMemory(limit: 1)
        let pool = ZlibPool(memory: memory)
        pool.promiseInflater(windowBits: 15)
        #expect(memory.used == Self.inflaterMemory)
        let inflater = try Inflater(windowBits: 15)
        #expect(memory.used == Self.inflaterMemory)
        _ = consume inflater
        pool.endPromise(windowBits: 15)
        #expect(memory.used == 0)
    }

    @Test("frees what is idle for a compressor with other parameters")
    func makesRoom() throws {
        let memory = CompressionMemory(limit: Self.deflaterMemory)
        let pool = ZlibPool(memory: memory)
        pool.give(back: try pool.takeInflater(windowBits: 12))
        #expect(memory.used == Inflater.memory(windowBits: 12))
        let deflater = try pool.takeDeflater(windowBits: 12, memoryLevel: 5)
        #expect(memory.used == Self.deflaterMemory)
        _ = consume deflater
    }

    @Test("leaves the account as it was when a stream cannot be made")
    func failure() {
        let memory = CompressionMemory(limit: 1 << 20)
        let pool = ZlibPool(memory: memory)
        #expect(throws: ZlibError.self) {
            let deflater = try pool.takeDeflater(windowBits: 8, memoryLevel: 5)
            _ = consume deflater
        }
        #expect(throws: ZlibError.self) {
            let inflater = try pool.takeInflater(windowBits: 16)
            _ = consume inflater
        }
        #expect(memory.used == 0)
    }
}
