import NIOCore
import Testing

@testable import GatewaySession

@Suite("What a direction holds")
struct UnfinishedInputTests {
    /// So many bytes in the middle of memory that is larger.
    private func slice(_ count: Int, of capacity: Int) -> ByteBuffer? {
        var buffer = ByteBuffer(repeating: 7, count: capacity / 4)
        buffer.reserveCapacity(capacity)
        buffer.writeRepeatingByte(9, count: capacity / 4)
        return buffer.getSlice(at: capacity / 4, length: count)
    }

    @Test("a small part of a large buffer is copied, and the buffer let go", arguments: [1, 100, 1024, 15_000])
    func small(count: Int) throws {
        let held = UnfinishedInput()
        let part = try #require(slice(count, of: 64 * 1024))
        held.input = part
        held.waiting = [part]
        held.letGoOfSharedMemory()
        for bytes in [held.input, held.waiting.first] {
            let bytes = try #require(bytes)
            #expect(bytes == part)
            #expect(bytes.storageCapacity <= max(1024, 2 * count))
        }
    }

    @Test("what is most of its buffer stays where it is")
    func large() throws {
        let held = UnfinishedInput()
        let bytes = ByteBuffer(repeating: 7, count: 60_000)
        held.input = bytes
        held.letGoOfSharedMemory()
        let kept = try #require(held.input)
        kept.withUnsafeReadableBytes { kept in
            bytes.withUnsafeReadableBytes { #expect(kept.baseAddress == $0.baseAddress) }
        }
    }
}
