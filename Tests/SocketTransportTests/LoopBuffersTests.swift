import NIOCore
import Testing

@testable import SocketTransport

@Suite("The buffers that the sockets of a loop share")
struct LoopBuffersTests {
    private let buffers = LoopBuffers()

    private func fill(_ byte: UInt8, count: Int) throws -> ByteBuffer? {
        try buffers.fill { memory throws(IOError) in
            memory[..<count].initializeMemory(as: UInt8.self, repeating: byte)
            return count
        }
    }

    @Test("what somebody keeps is not overwritten, and memory that nobody keeps is used again")
    func kept() throws {
        let first = try fill(1, count: 100)
        let second = try fill(2, count: 100)
        #expect(first == ByteBuffer(repeating: 1, count: 100))
        #expect(second == ByteBuffer(repeating: 2, count: 100))
        func place() throws -> UInt {
            try fill(3, count: 10)?.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } ?? 0
        }
        #expect(try place() == place())
    }

    @Test("a read has 64 KiB, also when TLS has made the memory larger")
    func room() throws {
        var rooms: [Int] = []
        func look() throws {
            _ = try buffers.fill { memory throws(IOError) in
                rooms.append(memory.count); return nil
            }
        }
        try look()
        let site = try TLSSite()
        let pair = try site.connection(workspace: buffers.tls)
        _ = try buffers.decrypt(UnsafeRawBufferPointer(start: nil, count: 0), by: pair)
        try look()
        #expect(rooms == [64 * 1024, 64 * 1024])
    }

    @Test("an error of the read is passed on, and so are nothing and the end")
    func results() throws {
        #expect(throws: IOError.self) {
            try buffers.fill { _ throws(IOError) in throw IOError(errnoCode: 5, reason: "read") }
        }
        #expect(try buffers.fill { _ throws(IOError) in nil } == nil)
        #expect(try buffers.fill { _ throws(IOError) in 0 }?.readableBytes == 0)
        #expect(try buffers.fillWire { _ throws(IOError) in nil } == nil)
        let wire = try buffers.fillWire { memory throws(IOError) in
            memory[0] = 7
            return 1
        }
        #expect(wire.map(Array.init) == [7])
    }

    @Test(
        "small pieces are put together and large ones go as they are, in order",
        arguments: [
            ([10], [10]), ([10, 20, 30], [60]), ([8192, 8192], [16384]), ([8192, 8192, 1], [16384, 1]),
            ([10, 8193, 20], [10, 8193, 20]), ([100_000, 5, 5, 100_000], [100_000, 10, 100_000]),
            ([5000, 5000, 5000, 5000], [15000, 5000]), (Array(repeating: 1, count: 40_000), [16384, 16384, 7232]),
            ([9000, 9000, 3, 4], [9000, 9000, 7]), ([0, 3, 0], [3]),
        ])
    func gather(pieces: [Int], calls: [Int]) {
        let buffers = pieces.enumerated().map { number, count in
            ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) })
        }
        var sent: [[UInt8]] = []
        self.buffers.gather(buffers[0], Array(buffers.dropFirst())) { sent.append(Array($0)) }
        #expect(sent.map(\.count) == calls)
        #expect(Array(sent.joined()) == buffers.flatMap { Array($0.readableBytesView) })
    }
}
