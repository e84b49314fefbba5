import Foundation
import NIOCore
import Synchronization
import Testing

@testable import SocketTransport

@Suite("A socket that accepts", .timeLimit(.minutes(1)))
struct AcceptingSocketTests {
    /// On the loop of a test alone.
    private final class Accepted: @unchecked Sendable {
        var channels: [SocketChannel] = []
        var shortages: [CInt] = []
    }

    private let calls = ScriptedCalls()
    private let loop: DrivenLoop
    private let accepted = Accepted()

    init() throws { loop = try DrivenLoop(calls: calls) }

    private func accepting(
        _ initializer: @escaping @Sendable (SocketChannel) throws -> Void = { _ in }
    ) throws -> (AcceptingSocket, Listener) {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        let accepted = accepted
        let socket = AcceptingSocket(try listener.handOver(), on: loop.loop, targets: []) { error in
            accepted.shortages.append((error as? IOError)?.errnoCode ?? 0)
        } initializer: { channel in
            try initializer(channel)
            accepted.channels.append(channel)
        }
        return (socket, listener)
    }

    private func close(_ clients: [CInt]) { for client in clients { SystemCall.close(client) } }

    @Test("it accepts from its beginning, more than have their turn at a time")
    func accepts() throws {
        let (socket, listener) = try accepting()
        let clients = try (0..<40).map { _ in try listener.connected() }
        loop.settle()
        #expect(accepted.channels.isEmpty)
        _ = socket.begin()
        _ = loop.loop.turn(limit: 0)
        #expect(accepted.channels.count == 16)
        loop.turns { accepted.channels.count == 40 }
        #expect(accepted.channels.count(where: \.isActive) == 40)
        let descriptor = try #require(accepted.channels.first?.socket?.descriptor)
        #expect(try SystemCall.option(descriptor, level: CInt(IPPROTO_TCP), name: TCP_NODELAY) == 1)
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        close(clients)
        _ = socket.close()
        loop.settle()
        #expect(throws: (any Error).self) { try listener.connected() }
    }

    @Test("once stopped it leaves the queue, which the next beginning takes")
    func stops() throws {
        let (socket, listener) = try accepting()
        _ = socket.begin()
        _ = socket.stop()
        let client = try listener.connected()
        loop.settle()
        #expect(accepted.channels.isEmpty)
        _ = socket.begin()
        loop.turns { accepted.channels.count == 1 }
        close([client])
        _ = socket.close()
        _ = socket.close()
        loop.settle()
    }

    @Test("a connection whose initializer throws is closed, and others go on")
    func refused() throws {
        let isFirst = Atomic<Bool>(true)
        let (socket, listener) = try accepting { _ in
            if isFirst.exchange(false, ordering: .relaxed) { throw ChannelError.eof }
        }
        _ = socket.begin()
        let clients = try [RawPeer(listener.connected()), RawPeer(listener.connected())]
        loop.turns { accepted.channels.count == 1 }
        loop.turns {
            _ = clients[0].read()
            return clients[0].hasSeenEnd
        }
        _ = socket.close()
        loop.settle()
    }

    @Test(
        "when descriptors or memory run short it pauses, tells of it once, and goes on",
        arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func shortage(code: CInt) throws {
        let (socket, listener) = try accepting()
        _ = socket.begin()
        var tries = 0
        calls.accepting = {
            tries += 1
            return tries <= 3 ? -code : nil
        }
        let client = try listener.connected()
        _ = loop.loop.turn(limit: 1000)
        #expect(tries == 1)
        #expect(accepted.shortages == [code])
        // The socket stays ready, and yet is not tried before the pause is over.
        _ = loop.loop.turn(limit: 0)
        #expect(tries == 1)
        loop.turns { accepted.channels.count == 1 }
        #expect(accepted.shortages == [code])
        // The next shortage is another one.
        tries = 2
        let second = try listener.connected()
        loop.turns { accepted.channels.count == 2 }
        #expect(accepted.shortages == [code, code])
        close([client, second])
        _ = socket.close()
        loop.settle()
    }

    @Test("a connection that broke in the queue does not hold up the next")
    func aborted() throws {
        let (socket, listener) = try accepting()
        _ = socket.begin()
        var outcomes = [-ECONNABORTED, -EINTR]
        calls.accepting = { outcomes.popLast() }
        let client = try listener.connected()
        loop.turns { accepted.channels.count == 1 }
        #expect(accepted.shortages == [])
        close([client])
        _ = socket.close()
        loop.settle()
    }

    @Test("stopped during a pause it stays stopped")
    func stopsInPause() throws {
        let (socket, listener) = try accepting()
        _ = socket.begin()
        var outcomes = [-EMFILE]
        calls.accepting = { outcomes.popLast() }
        let client = try listener.connected()
        loop.turns { accepted.shortages.count == 1 }
        _ = socket.stop()
        let marker = NIOLoopBoundBox(false, eventLoop: loop.loop)
        loop.loop.scheduleTask(in: .milliseconds(30)) { marker.value = true }
        loop.turns { marker.value }
        #expect(accepted.channels.isEmpty)
        close([client])
        _ = socket.close()
        loop.settle()
    }

    /// Somebody else has the kernel watch the descriptor: epoll refuses a second time (EEXIST).
    private final class Occupant: PolledDescriptor, @unchecked Sendable {}

    @Test(
        "where the kernel can't watch it, that is a shortage, and tried again until it can", arguments: [true, false])
    func unwatched(inPause: Bool) throws {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        let descriptor = try listener.handOver()
        let accepted = accepted
        let socket = AcceptingSocket(descriptor, on: loop.loop, targets: []) { error in
            accepted.shortages.append((error as? IOError)?.errnoCode ?? 0)
        } initializer: { channel in
            accepted.channels.append(channel)
        }
        let occupant = Occupant()
        if inPause {
            // It pauses for another reason, and can't go on after that.
            _ = socket.begin()
            var outcomes = [-EMFILE]
            calls.accepting = { outcomes.popLast() }
        } else {
            try loop.loop.poller.add(occupant, descriptor, for: [])
            _ = socket.beginWhenPossible()
        }
        let client = try listener.connected()
        loop.turns { accepted.shortages.count == 1 }
        if inPause { try loop.loop.poller.add(occupant, descriptor, for: []) }
        let marker = NIOLoopBoundBox(false, eventLoop: loop.loop)
        loop.loop.scheduleTask(in: .milliseconds(30)) { marker.value = true }
        loop.turns { marker.value }
        #expect(accepted.channels.isEmpty)
        #expect(accepted.shortages == [inPause ? EMFILE : EEXIST])
        loop.loop.poller.remove(occupant, descriptor)
        loop.turns { accepted.channels.count == 1 }
        close([client])
        _ = socket.close()
        loop.settle()
    }

    @Test("a connection for a loop that has ended is closed")
    func endedTarget() async throws {
        let group = try SocketEventLoopGroup(loops: 2)
        await withCheckedContinuation { done in group.loops[1].end { done.resume() } }
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        let socket = AcceptingSocket(
            try listener.handOver(), on: group.loops[0], targets: [group.loops[1]], shortage: { _ in },
            initializer: { _ in })
        try await socket.begin().get()
        let client = try RawPeer(listener.connected())
        let end = NIODeadline.now() + .seconds(10)
        repeat {
            await Task.yield()
            _ = client.read()
        } while !client.hasSeenEnd && NIODeadline.now() < end
        #expect(client.hasSeenEnd)
        try await socket.close().get()
        try await group.shutdownGracefully()
    }

    @Test("the end of the loop closes it")
    func loopEnds() throws {
        let (socket, listener) = try accepting()
        _ = socket.begin()
        loop.settle()
        loop.loop.windUp()
        #expect(throws: (any Error).self) { try listener.connected() }
        _ = socket
    }

    @Test("connections are handed to its loops in turn, each opened on its own")
    func hands() async throws {
        let group = try SocketEventLoopGroup(loops: 3)
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        let counts = Mutex<[ObjectIdentifier: Int]>([:])
        let wrong = Atomic<Int>(0)
        let socket = AcceptingSocket(try listener.handOver(), on: group.loops[0], targets: group.loops) { _ in
        } initializer: { channel in
            if !channel.eventLoop.inEventLoop { wrong.wrappingAdd(1, ordering: .relaxed) }
            counts.withLock { $0[ObjectIdentifier(channel.eventLoop), default: 0] += 1 }
        }
        try await socket.begin().get()
        let clients = try (0..<30).map { _ in try listener.connected() }
        while counts.withLock({ $0.values.reduce(0, +) }) < 30 { await Task.yield() }
        #expect(counts.withLock { Array($0.values) } == [10, 10, 10])
        #expect(wrong.load(ordering: .relaxed) == 0)
        try await socket.close().get()
        close(clients)
        try await group.shutdownGracefully()
    }
}
