import NIOCore
import PerMessageDeflate
import TestSupport
import Testing

@Suite("Decompression (RFC 7692 §7.2.2)")
struct InflaterTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Messages of one connection.
        var messages: [(payload: Bytes, plain: String)]
    }

    static let examples: [Example] = [
        Example(
            testDescription: "a message compressed using one compressed DEFLATE block (§7.2.3.1)",
            messages: [("f2 48 cd c9 c9 07 00", "Hello")]),
        Example(
            testDescription: "sharing LZ77 sliding window (§7.2.3.2)",
            messages: [("f2 48 cd c9 c9 07 00", "Hello"), ("f2 00 11 00 00", "Hello")]),
        Example(
            testDescription: "using a DEFLATE block with no compression (§7.2.3.3)",
            messages: [("00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello")]),
        Example(
            testDescription: "using a DEFLATE block with BFINAL set to 1 (§7.2.3.4)",
            messages: [("f3 48 cd c9 c9 07 00 00", "Hello")]),
        Example(
            testDescription: "two DEFLATE blocks in one message (§7.2.3.5)",
            messages: [("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello")]),
        Example(
            testDescription: "an empty message (§7.2.3.6)", messages: [("00", ""), ("f2 48 cd c9 c9 07 00", "Hello")]),
        Example(
            testDescription: "messages behind one that ended with BFINAL, its window kept",
            messages: [
                ("f3 48 cd c9 c9 07 00 00", "Hello"), ("f2 00 11 00 00", "Hello"), ("f3 48 cd c9 c9 07 00 00", "Hello"),
                ("f2 48 cd c9 c9 07 00", "Hello"),
            ]),
        Example(
            testDescription: "BFINAL without the empty block behind it",
            messages: [
                ("f3 48 cd c9 c9 07 00", "Hello"), ("f2 48 cd c9 c9 07 00", "Hello"), ("f2 00 11 00 00", "Hello"),
            ]),
        Example(
            testDescription: "a block behind one with BFINAL, in one message (§7.2.1)",
            messages: [("f3 48 cd c9 c9 07 00 f2 00 11 00 00", "HelloHello"), ("f2 48 cd c9 c9 07 00", "Hello")]),
        Example(
            testDescription: "nothing but final blocks",
            messages: [("03 00 03 00 03 00", ""), ("f2 48 cd c9 c9 07 00", "Hello")]),
        Example(
            testDescription: "an empty block with BFINAL set at the end, its last four bytes left out",
            messages: [("01", ""), ("f2 48 cd c9 c9 07 00", "Hello"), ("01", ""), ("f2 00 11 00 00", "Hello")]),
        Example(testDescription: "no payload at all", messages: [("", ""), ("f2 48 cd c9 c9 07 00", "Hello")]),
    ]

    @Test("of the examples, at every split, a byte at a time, and only looked at", arguments: examples)
    func messages(example: Example) throws {
        let longest = example.messages.map(\.payload.values.count).max() ?? 0
        for split in 0...longest {
            for limit in [1, 2, 3, 4096] {
                var inflater = try Inflater(windowBits: 15)
                for (payload, plain) in example.messages {
                    let splits = [min(split, payload.values.count)]
                    let output = try inflate(payload.values, with: &inflater, splits: splits, limit: limit)
                    #expect(output == Array(plain.utf8), "split at \(split), limit \(limit)")
                }
            }
        }
        var inflater = try Inflater(windowBits: 15)
        var inspector = try Inflater(windowBits: 15)
        for (payload, plain) in example.messages {
            let splits = Array(0...payload.values.count)
            let output = try inflate(payload.values, with: &inflater, splits: splits)
            #expect(output == Array(plain.utf8))
            let seen = try inspect(payload.values, with: &inspector)
            #expect(seen == Array(plain.utf8))
        }
    }

    @Test(
        "fails on data that is not DEFLATE",
        arguments: ["07", "ff ff ff ff", "00 05 00 05 00 48", "f2 00 11 00 00"] as [Bytes])
    func invalid(payload: Bytes) throws {
        var inflater = try Inflater(windowBits: 15)
        do {
            _ = try inflate(payload.values, with: &inflater)
            Issue.record("inflated")
        } catch let error as InflateError {
            guard case .invalidData = error else {
                Issue.record("\(error)")
                return
            }
        }
        inflater.reset()
        let output = try inflate(Bytes("f2 48 cd c9 c9 07 00").values, with: &inflater)
        #expect(output == Array("Hello".utf8))
    }

    @Test(
        "fails on a message that ends inside a block",
        arguments: ["f2 48 cd c9", "00 06 00 f9 ff 48", "00 ff 00 00 ff 48 65", "f2"] as [Bytes])
    func truncated(payload: Bytes) throws {
        for looksOnly in [false, true] {
            var inflater = try Inflater(windowBits: 15)
            do {
                _ =
                    looksOnly
                    ? try inspect(payload.values, with: &inflater) : try inflate(payload.values, with: &inflater)
                Issue.record("inflated")
            } catch is InflateError {
                continue
            }
        }
    }

    @Test("stops at the limit, and goes on from there")
    func limit() throws {
        // 1 MiB of zeros in about 1 KiB.
        var deflater = try Deflater(windowBits: 15, memoryLevel: 8)
        let bomb = try compress(Array(repeating: 0, count: 1 << 20), with: &deflater)
        #expect(bomb.count < 2048)
        var inflater = try Inflater(windowBits: 15)
        var output = ByteBuffer()
        let first = try bomb.withUnsafeBytes { try inflater.inflate($0, into: &output, limit: 1000) }
        #expect(first.outputFull && first.produced == 1000 && output.readableBytes == 1000)
        #expect(first.consumed < bomb.count)
        #expect(output.capacity <= 4096)
        let second = try bomb.withUnsafeBytes {
            try inflater.inflate(UnsafeRawBufferPointer(rebasing: $0[first.consumed...]), into: &output, limit: 100_000)
        }
        #expect(second.outputFull && second.produced == 100_000 && output.readableBytes == 101_000)
        var total = 101_000
        var consumed = first.consumed + second.consumed
        while consumed < bomb.count {
            output.clear()
            let progress = try bomb.withUnsafeBytes {
                try inflater.inflate(UnsafeRawBufferPointer(rebasing: $0[consumed...]), into: &output, limit: 65536)
            }
            #expect(output.readableBytes <= 65536 && output.readableBytes == progress.produced)
            consumed += progress.consumed
            total += progress.produced
        }
        var isDone = false
        while !isDone {
            output.clear()
            isDone = try inflater.finishMessage(into: &output, limit: 65536)
            #expect(output.readableBytes <= 65536)
            total += output.readableBytes
        }
        #expect(total == 1 << 20)
    }

    @Test("hands over pieces of at most 16 KiB, and stops when told to")
    func inspectStops() throws {
        var deflater = try Deflater(windowBits: 15, memoryLevel: 8)
        let bomb = try compress(Array(repeating: 0, count: 1 << 20), with: &deflater)
        var inflater = try Inflater(windowBits: 15)
        var seen = 0
        var largest = 0
        let isWhole = try bomb.withUnsafeBytes { bytes in
            try inflater.inspect(bytes) { piece in
                seen += piece.count
                largest = max(largest, piece.count)
                return seen < 100_000
            }
        }
        #expect(!isWhole)
        #expect(seen >= 100_000 && seen < 100_000 + 16 * 1024)
        #expect(largest <= 16 * 1024)
    }

    @Test("needs no more time for many final blocks than for other data", .timeLimit(.minutes(1)))
    func finalBlocks() throws {
        var inflater = try Inflater(windowBits: 15)
        let prelude = Array(repeating: [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], count: 1).flatMap { $0 } as [UInt8]
        let output = try inflate(
            prelude + Array(repeating: [0x03, 0x00], count: 200_000).flatMap { $0 }, with: &inflater)
        #expect(output == Array("Hello".utf8))
    }

    @Test("has a window of 8 to 15 bits", arguments: [7, 16, 0, -15])
    func window(bits: Int) {
        #expect(throws: ZlibError.self) {
            let inflater = try Inflater(windowBits: bits)
            _ = consume inflater
        }
    }
}
