import NIOCore
import PerMessageDeflate
import TestSupport
import Testing
import WebSocketCore

@Suite("A connection that shares what is compressed")
struct SharedReceiverTests {
    /// Connections of one event loop, and how often one of them was asked to make a frame.
    final class Room {
        let memory: CompressionMemory
        let pool: ZlibPool
        var made = 0
        private var receivers: [SharedReceiver] = []

        init(limit: Int = 1 << 30) {
            memory = CompressionMemory(limit: limit)
            pool = ZlibPool(memory: memory)
        }

        func join(
            _ count: Int, route: String = "r", windowBits: Int = 12, level: Int = 6, takeover: Bool = false
        ) {
            for _ in 0..<count {
                receivers.append(
                    pool.receiver(
                        route: route, windowBits: windowBits, memoryLevel: 5, level: level, takeover: takeover))
            }
        }

        func leave() { receivers = [] }

        /// What a connection is given to send; nil: it has to compress by itself.
        func send(_ message: [UInt8], by index: Int, at time: Int64 = 0, as opcode: UInt8 = 1) -> [UInt8]? {
            receivers[index].now = .uptimeNanoseconds(5_000_000_000) + .milliseconds(time)
            let frame = message.withUnsafeBytes { bytes in
                receivers[index].frame(of: bytes, opcode == 1 ? .text : .binary) {
                    made += 1
                    return ByteBuffer(bytes: [UInt8(made), opcode] + message)
                }
            }
            return frame.map { Array($0.readableBytesView) }
        }
    }

    private static let message = [UInt8](repeating: 7, count: 5000)

    @Test("is given what the second one made, byte for byte")
    func sharesFromTheThird() {
        let room = Room()
        room.join(4)
        let frames = (0..<4).map { room.send(Self.message, by: $0) }
        #expect(frames == [nil] + Array(repeating: [1, 1] + Self.message, count: 3))
        #expect(room.made == 1)
    }

    @Test(
        "compresses 4 KiB for itself first where windows are kept, 16 times at most",
        arguments: [(5000, 1), (4096, 1), (2048, 2), (1000, 4), (256, 16), (10, 16), (0, 16)])
    func patience(size: Int, alone: Int) {
        let room = Room()
        room.join(20, takeover: true)
        let message = [UInt8](repeating: 7, count: size)
        let frames = (0..<20).map { room.send(message, by: $0) }
        #expect(frames.prefix { $0 == nil }.count == alone)
        #expect(room.made == 1)
    }

    @Test("does not count as others when it says the same again")
    func repeatsItself() {
        let room = Room()
        room.join(2)
        let frames = (0..<5).map { _ in room.send(Self.message, by: 0) }
        #expect(frames == Array(repeating: nil, count: 5))
        #expect(room.send(Self.message, by: 1) != nil)
    }

    @Test("gets nothing of another message, of another kind, of another route or of other parameters")
    func staysApart() {
        let room = Room()
        room.join(3)
        room.join(1, route: "other")
        room.join(1, windowBits: 11)
        room.join(1, level: 5)
        for index in 0..<3 { _ = room.send(Self.message, by: index) }
        #expect(room.made == 1)
        for index in 3..<6 { #expect(room.send(Self.message, by: index) == nil) }
        #expect(room.send(Self.message, by: 0, as: 2) == nil)
        for place in [0, 2500, 4999] {
            var other = Self.message
            other[place] ^= 1
            #expect(room.send(other, by: 0) == nil)
        }
        #expect(room.send(Self.message.dropLast(), by: 0) == nil)
        #expect(room.send(Self.message, by: 0) == [1, 1] + Self.message)
    }

    @Test("forgets what was a second ago")
    func expires() {
        let room = Room()
        room.join(4)
        #expect(room.send(Self.message, by: 0, at: 0) == nil)
        #expect(room.send(Self.message, by: 1, at: 1000) == nil)
        #expect(room.send(Self.message, by: 2, at: 1999) != nil)
        #expect(room.send(Self.message, by: 3, at: 2998) != nil)
        #expect(room.made == 1)
        #expect(room.send(Self.message, by: 0, at: 2999) != nil)
        #expect(room.made == 2, "the frame is a second old, the last use of it is not")
        #expect(room.send(Self.message, by: 0, at: 4000) == nil)
    }

    @Test("takes a time that lies before another's as it is")
    func timeStandsBack() {
        let room = Room()
        room.join(3)
        #expect(room.send(Self.message, by: 0, at: 500) == nil)
        #expect(room.send(Self.message, by: 1, at: 0) != nil)
        #expect(room.send(Self.message, by: 2, at: 200) != nil)
        #expect(room.made == 1)
    }

    @Test("counts in the account as long as something is kept")
    func account() {
        let room = Room()
        room.join(2)
        for index in 0..<2 { _ = room.send(Self.message, by: index) }
        #expect(room.memory.used >= 2 * Self.message.count)
        room.pool.trim()
        #expect(room.memory.used == 0)
        for index in 0..<2 { _ = room.send([1] + Self.message, by: index) }
        #expect(room.memory.used > 0)
        room.leave()
        #expect(room.memory.used == 0, "the last one to leave takes everything with it")
    }

    @Test("goes without a frame that finds no room in the account, and makes it anew")
    func noRoom() {
        let room = Room(limit: 100)
        room.join(4)
        let frames = (0..<4).map { room.send(Self.message, by: $0) }
        #expect(frames.map { $0?.first } == [nil, 1, 2, 3])
        #expect(room.memory.used == 0)
    }
}
