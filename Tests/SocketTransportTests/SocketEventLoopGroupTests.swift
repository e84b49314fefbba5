import Foundation
import NIOCore
import Synchronization
import Testing

@testable import SocketTransport

@Suite("A group of event loops", .timeLimit(.minutes(1)))
struct SocketEventLoopGroupTests {
    @Test(
        "it gives each of its loops in turn, and the loop of the caller to whoever asks on one", arguments: [0, 1, 3])
    func turns(count: Int) async throws {
        let group = try SocketEventLoopGroup(loops: count)
        #expect(group.loops.count == max(1, count))
        let given = (0..<6).map { _ in ObjectIdentifier(group.next()) }
        #expect(given == (0..<6).map { ObjectIdentifier(group.loops[$0 % group.loops.count]) })
        for loop in group.loops { #expect(try await loop.submit { group.any() === loop }.get()) }
        #expect(Array(group.makeIterator()).count == group.loops.count)
        try await group.shutdownGracefully()
        try await group.shutdownGracefully()
    }

    @Test("where a loop does not start, those that have started end")
    func failsToStart() {
        let started = Mutex<[SocketEventLoop]>([])
        #expect(throws: IOError.self) {
            try SocketEventLoopGroup(loops: 4) { loop, name in
                guard name != "loop-2" else { throw IOError(errnoCode: EAGAIN, reason: "pthread_create") }
                try loop.start(named: name)
                started.withLock { $0.append(loop) }
            }
        }
        let loops = started.withLock { $0 }
        #expect(loops.count == 2)
        // One that has ended watches nothing any more, not even for tasks.
        #expect(loops.allSatisfy { $0.poller.count == 0 })
    }
}
