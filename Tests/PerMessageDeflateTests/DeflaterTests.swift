import NIOCore
import PerMessageDeflate
import TestSupport
import Testing

@Suite("Compression (RFC 7692 §7.2.1)")
struct DeflaterTests {
    @Test("of \"Hello\", and again with the window shared (§7.2.3.1, §7.2.3.2)")
    func hello() throws {
        var deflater = try Deflater(windowBits: 15, memoryLevel: 8)
        let first = try compress(Array("Hello".utf8), with: &deflater)
        #expect(Bytes(first) == "f2 48 cd c9 c9 07 00")
        let second = try compress(Array("Hello".utf8), with: &deflater)
        #expect(Bytes(second) == "f2 00 11 00 00")
        deflater.reset()
        let third = try compress(Array("Hello".utf8), with: &deflater)
        #expect(Bytes(third) == "f2 48 cd c9 c9 07 00")
    }

    @Test("of an empty message is one byte, 0x00, wherever it comes (§7.2.3.6)")
    func empty() throws {
        var deflater = try Deflater(windowBits: 15, memoryLevel: 8)
        for message in ["", "", "Hello", "", ""] {
            let payload = try compress(Array(message.utf8), with: &deflater)
            #expect(!message.isEmpty || Bytes(payload) == "00")
            #expect(!payload.suffix(4).elementsEqual([0x00, 0x00, 0xFF, 0xFF]))
        }
    }

    static let windows = [(9, 1), (9, 8), (10, 4), (12, 5), (15, 8), (15, 9)]

    @Test("inflates to what it was, whole and in pieces, with and without context takeover", arguments: windows)
    func roundTrip(windowBits: Int, memoryLevel: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        for takeover in [true, false] {
            var deflater = try Deflater(windowBits: windowBits, memoryLevel: memoryLevel)
            var inflater = try Inflater(windowBits: windowBits)
            var inspector = try Inflater(windowBits: windowBits)
            for size in [0, 1, 125, 126, 4096, 70_000, 3, 0, 200_000] {
                let message = sample(size, using: &generator)
                let limit = [1, 5, 64, 65, 100, 1000, 16384, 16385, Int.max].randomElement(using: &generator) ?? 1
                let payload = try compress(message, with: &deflater, limit: limit)
                let splits = (0..<5).map { _ in Int.random(in: 0...payload.count, using: &generator) }.sorted()
                let output = try inflate(payload, with: &inflater, splits: splits, limit: max(limit, 7))
                #expect(output == message, "seed \(seed), size \(size), limit \(limit)")
                let seen = try inspect(payload, with: &inspector)
                #expect(seen == message, "seed \(seed), size \(size), limit \(limit)")
                if !takeover {
                    deflater.reset()
                    inflater.reset()
                    inspector.reset()
                }
            }
        }
    }

    @Test("keeps to the limit, whatever is due", arguments: [64, 65, 100, 1000, 16 * 1024, 16 * 1024 + 3])
    func limit(limit: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let message = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var deflater = try Deflater(windowBits: 15, memoryLevel: 9)
        var payload: [UInt8] = []
        var used = 0
        while used < message.count {
            var output = ByteBuffer()
            used += try message.withUnsafeBytes {
                try deflater.compress(UnsafeRawBufferPointer(rebasing: $0[used...]), into: &output, limit: limit)
            }
            #expect(output.readableBytes <= limit, "seed \(seed)")
            payload += Array(output.readableBytesView)
        }
        var isDone = false
        while !isDone {
            var output = ByteBuffer()
            isDone = try deflater.finishMessage(into: &output, limit: limit)
            #expect(output.readableBytes <= limit, "seed \(seed)")
            payload += Array(output.readableBytesView)
        }
        var inflater = try Inflater(windowBits: 15)
        let output = try inflate(payload, with: &inflater)
        #expect(output == message, "seed \(seed)")
        #expect(payload.count < message.count + 200)
    }

    @Test("forgets an unfinished message on reset")
    func resetInside() throws {
        var deflater = try Deflater(windowBits: 15, memoryLevel: 9)
        var generator = SeededGenerator(seed: 1)
        var output = ByteBuffer()
        let noise = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        _ = try noise.withUnsafeBytes { try deflater.compress($0, into: &output, limit: .max) }
        let isDone = try deflater.finishMessage(into: &output, limit: 64)
        #expect(!isDone)
        deflater.reset()
        let payload = try compress(Array("Hello".utf8), with: &deflater)
        #expect(Bytes(payload) == "f2 48 cd c9 c9 07 00")
    }

    @Test(
        "follows messages that the peer got from elsewhere: its window stays the peer's",
        arguments: windows, [true, false])
    func follows(window: (windowBits: Int, memoryLevel: Int), beginsFresh: Bool) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        var deflater = try Deflater(windowBits: window.windowBits, memoryLevel: window.memoryLevel)
        var inflater = try Inflater(windowBits: window.windowBits)
        #expect(deflater.isFresh == true)
        if !beginsFresh {
            let first = sample(3000, using: &generator)
            let output = try inflate(compress(first, with: &deflater), with: &inflater)
            #expect(output == first)
        }
        for size in [300, 1, 0, 5000, 100, 40_000, 20] {
            let shared = sample(size, using: &generator)
            var other = try Deflater(windowBits: window.windowBits, memoryLevel: window.memoryLevel)
            let received = try inflate(compress(shared, with: &other), with: &inflater)
            #expect(received == shared)
            try shared.withUnsafeBytes { try deflater.follow($0) }
            // Its end is the same: a reference to it shows whether the windows agree.
            let own = Array(shared.suffix(200)) + sample(200, using: &generator)
            let payload = try compress(own, with: &deflater, limit: 64)
            let output = try inflate(payload, with: &inflater)
            #expect(output == own, "seed \(seed), size \(size)")
        }
        #expect(deflater.isFresh == false)
        deflater.reset()
        #expect(deflater.isFresh == true)
        let hello = try compress(Array("Hello".utf8), with: &deflater)
        #expect(Bytes(hello) == "f2 48 cd c9 c9 07 00")
    }

    @Test("refers to what it followed")
    func refersBack() throws {
        var generator = SeededGenerator(seed: 3)
        let message = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var deflater = try Deflater(windowBits: 12, memoryLevel: 5)
        try message.withUnsafeBytes { try deflater.follow($0) }
        let payload = try compress(message, with: &deflater)
        #expect(payload.count < 30)
    }

    @Test(
        "is refused for parameters zlib does not have",
        arguments: [(8, 8, 6), (16, 8, 6), (15, 0, 6), (15, 10, 6), (15, 8, -1), (15, 8, 10)])
    func outOfRange(windowBits: Int, memoryLevel: Int, level: Int) {
        #expect(throws: ZlibError.self) {
            let deflater = try Deflater(windowBits: windowBits, memoryLevel: memoryLevel, level: level)
            _ = consume deflater
        }
    }
}
