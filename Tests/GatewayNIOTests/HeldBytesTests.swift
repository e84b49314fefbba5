import NIOCore
import TestSupport
import Testing

@testable import GatewayNIO

@Suite("Bytes of a stream that are not wanted yet")
struct HeldBytesTests {
    @Test("they come out as they came in, in pieces of 64 KiB", arguments: [1, 65_536, 65_537, 200_000])
    func order(size: Int) throws {
        var generator = SeededGenerator(seed: 7)
        let bytes = generator.bytes(size)
        var held = HeldBytes()
        for start in stride(from: 0, to: size, by: 16_384) {
            held.add(ByteBuffer(bytes: bytes[start..<min(size, start + 16_384)]))
        }
        #expect(!held.isEmpty)
        var out: [UInt8] = []
        while let piece = held.next() {
            #expect(piece.readableBytes <= HeldBytes.pieceSize && piece.readableBytes > 0)
            out += piece.readableBytesView
        }
        #expect(out == bytes)
        #expect(held.isEmpty && held.takeAll() == nil)
    }

    @Test("nothing is no piece, and all of it may be taken at once")
    func whole() {
        var held = HeldBytes()
        held.add(ByteBuffer())
        #expect(held.isEmpty && held.next() == nil)
        held = HeldBytes(ByteBuffer(string: "ab"))
        held.add(ByteBuffer(string: "c"))
        #expect(held.takeAll() == ByteBuffer(string: "abc"))
        #expect(held.isEmpty)
    }

    @Test("they keep nothing of the chunk that they came in")
    func copies() throws {
        var chunk = ByteBuffer(repeating: 1, count: 1_000_000)
        var held = HeldBytes()
        let slice = chunk.readSlice(length: 10)
        held.add(try #require(slice))
        #expect(held.storageBytes < 1000)
    }

    @Test("they stay as they were when the memory that they came in is used again", arguments: [1, 3, 40_000])
    func shared(size: Int) {
        let read = ByteBuffer(repeating: 1, count: size)
        var held = HeldBytes()
        held.add(read)
        read.overwrite()
        held.add(ByteBuffer(repeating: 2, count: 1))
        #expect(held.takeAll() == ByteBuffer(repeating: 1, count: size) + ByteBuffer(repeating: 2, count: 1))
    }

    @Test("of a shared buffer as much is kept as is needed, and no copy is made of what is most of it")
    func kept() throws {
        let whole = ByteBuffer(repeating: 1, count: 64 * 1024)
        let few = try #require(whole.getSlice(at: 9, length: 100))
        let many = try #require(whole.getSlice(at: 9, length: 60_000))
        #expect(few.kept == few && few.kept.storageCapacity < 1000)
        func place(_ bytes: ByteBuffer) -> UnsafeRawPointer? { bytes.withUnsafeReadableBytes { $0.baseAddress } }
        #expect(many.kept == many && place(many.kept) == place(many))
    }

    @Test("a reader who is always a little behind has no more kept than is held")
    func neverEmpty() {
        let step = ByteBuffer(repeating: 1, count: HeldBytes.pieceSize)
        var held = HeldBytes(step)
        var largest = 0
        for _ in 0..<500 {
            held.add(step)
            _ = held.next()
            largest = max(largest, held.storageBytes)
        }
        #expect(!held.isEmpty)
        #expect(largest <= 8 * HeldBytes.pieceSize)
    }
}

private func + (first: ByteBuffer, second: ByteBuffer) -> ByteBuffer {
    var both = first
    both.writeImmutableBuffer(second)
    return both
}
