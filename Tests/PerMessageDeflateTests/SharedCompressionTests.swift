import NIOCore
import TestSupport
import Testing
import WebSocketCore

@testable import PerMessageDeflate

@Suite("What an event loop keeps of shared messages")
struct SharedCompressionTests {
    private let memory = CompressionMemory(limit: 1 << 30)

    private func message(_ number: Int, _ size: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)] + [UInt8](repeating: 1, count: size)
    }

    /// Two connections send each of so many messages.
    private func send(_ count: Int, size: Int, to pool: ZlibPool) -> [SharedReceiver] {
        let receivers = (0..<2).map { _ in
            pool.receiver(route: "r", windowBits: 12, memoryLevel: 5, level: 6, takeover: false)
        }
        for number in 0..<count {
            for receiver in receivers {
                receiver.now = .uptimeNanoseconds(5_000_000_000)
                message(number, size).withUnsafeBytes { bytes in
                    _ = receiver.frame(of: bytes, .text) { ByteBuffer(bytes: bytes) }
                }
            }
        }
        return receivers
    }

    @Test("is at most 64 messages, and the latest of them")
    func mostForms() {
        let pool = ZlibPool(memory: memory)
        let receivers = send(100, size: 10, to: pool)
        #expect(pool.shared.formCount == SharedCompression.mostForms)
        let last = message(99, 10).withUnsafeBytes { receivers[0].frame(of: $0, .text) { nil } }
        #expect(last != nil)
        let first = message(0, 10).withUnsafeBytes { receivers[0].frame(of: $0, .text) { nil } }
        #expect(first == nil)
    }

    @Test("is at most 1 MiB, as the account has it")
    func mostBytes() {
        let pool = ZlibPool(memory: memory)
        let receivers = send(50, size: 30_000, to: pool)
        #expect(pool.shared.bytes <= SharedCompression.mostBytes)
        #expect(pool.shared.bytes > SharedCompression.mostBytes - 2 * 32 * 1024)
        #expect(memory.used == pool.shared.bytes)
        #expect(receivers.count == 2)
        pool.shared.removeAll()
        #expect(pool.shared.bytes == 0 && pool.shared.formCount == 0 && memory.used == 0)
    }

    @Test("is nothing once its time is over, though nobody sends any more")
    func forgets() {
        let pool = ZlibPool(memory: memory)
        let receivers = send(10, size: 1000, to: pool)
        pool.forgetExpired(now: .uptimeNanoseconds(5_999_999_999))
        #expect(pool.shared.formCount == 10 && memory.used > 10_000)
        pool.forgetExpired(now: .uptimeNanoseconds(6_000_000_000))
        #expect(pool.shared.formCount == 0 && pool.shared.bytes == 0 && memory.used == 0)
        pool.forgetExpired(now: .uptimeNanoseconds(7_000_000_000))
        // It goes on as before.
        #expect(send(1, size: 10, to: pool).count == 2 && pool.shared.formCount == 1)
        #expect(receivers.count == 2)
    }

    @Test("compares messages whose hashes are the same")
    func comparesBytes() {
        let pool = ZlibPool(memory: memory)
        let cache = pool.shared
        let scope = SharedCompression.Scope(route: "r", windowBits: 12, memoryLevel: 5, level: 6)
        let number = cache.addReceiver()
        let now = NIODeadline.uptimeNanoseconds(5_000_000_000)
        func sight(_ bytes: [UInt8], by receiver: UInt32) -> SharedCompression.Sight {
            bytes.withUnsafeBytes {
                cache.sight($0, .text, scope: scope, seed: 1, receiver: receiver, enough: 1, now: now)
            }
        }
        let sent = [UInt8](repeating: 1, count: 100)
        _ = sight(sent, by: number)
        guard case .many(let hash) = sight(sent, by: number + 1) else {
            Issue.record("the second sight is not of many")
            return
        }
        // Another message under that hash, as a collision would have it.
        for other in [[UInt8](repeating: 2, count: 100), Array(sent.dropLast()), sent.dropLast() + [0]] {
            other.withUnsafeBytes {
                cache.keep(ByteBuffer(string: "other"), of: $0, .text, scope: scope, hash: hash, now: now)
            }
            guard case .alone = sight(sent, by: number) else {
                Issue.record("a frame of \(other.count) bytes stood in for another message")
                return
            }
        }
        cache.removeReceiver()
    }
}
