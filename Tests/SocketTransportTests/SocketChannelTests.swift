import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("A channel on a socket")
struct SocketChannelTests {
    private let calls = ScriptedCalls()
    private let loop: DrivenLoop

    init() throws { loop = try DrivenLoop(calls: calls) }

    /// What became of a promise.
    private final class Outcome: @unchecked Sendable {
        var error: (any Error)?
        var isDone = false

        init(_ future: EventLoopFuture<Void>) {
            future.whenComplete { result in
                self.isDone = true
                if case .failure(let error) = result { self.error = error }
            }
        }
    }

    private func opened(autoRead: Bool = true) throws -> (SocketChannel, ChannelDiary, RawPeer) {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        let channel = SocketChannel(socket)
        let handler = ChannelDiary()
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.syncOptions?.setOption(.autoRead, value: autoRead)
        try channel.activate()
        return (channel, handler, peer)
    }

    private func write(_ text: String, _ channel: SocketChannel) -> Outcome {
        let promise = loop.loop.makePromise(of: Void.self)
        channel.pipeline.syncOperations.write(NIOAny(ByteBuffer(string: text)), promise: promise)
        return Outcome(promise.futureResult)
    }

    private func flush(_ channel: SocketChannel) { channel.pipeline.syncOperations.flush() }

    private func close(_ channel: SocketChannel, _ mode: CloseMode = .all) -> Outcome {
        let promise = loop.loop.makePromise(of: Void.self)
        channel.pipeline.syncOperations.close(mode: mode, promise: promise)
        return Outcome(promise.futureResult)
    }

    // MARK: Events

    @Test("events come in the order of a connection's life")
    func events() throws {
        let (channel, handler, peer) = try opened()
        #expect(handler.events == ["registered", "active"])
        #expect(channel.isActive && channel.isWritable && channel.isEstablished)
        peer.write("abc")
        loop.settle()
        peer.write("def")
        peer.end()
        loop.settle()
        #expect(
            handler.events == ["registered", "active", "read", "complete", "read", "complete", "inputClosed"])
        #expect(handler.bytes == Array("abcdef".utf8))
        let outcome = close(channel)
        loop.settle()
        #expect(handler.events.suffix(3) == ["inactive", "unregistered", "removed"])
        #expect(outcome.isDone && outcome.error == nil)
        #expect(!channel.isActive && channel.remoteAddress == nil && !channel.isEstablished)
        let again = close(channel)
        #expect(again.error as? ChannelError == .alreadyClosed)
    }

    @Test("an error is told before the end")
    func failure() throws {
        let (channel, handler, peer) = try opened()
        calls.reading = { _ in -Int(ECONNRESET) }
        peer.write("a")
        loop.turns { !channel.isActive }
        loop.settle()
        #expect(
            handler.events == ["registered", "active", "error \(ECONNRESET)", "inactive", "unregistered", "removed"])
    }

    @Test(
        "a handler may close in any event",
        arguments: ["active", "read", "complete", "inputClosed", "outputClosed", "full", "writable"])
    func closesInside(event: String) throws {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        let channel = SocketChannel(socket)
        let handler = ChannelDiary()
        try channel.pipeline.syncOperations.addHandler(handler)
        handler.answer = { told, context in if told == event { context.close(promise: nil) } }
        try channel.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 1, high: 2))
        try channel.activate()
        peer.write("abc")
        loop.settle()
        if channel.isActive { peer.end() }
        loop.settle()
        let written = write("four", channel)
        flush(channel)
        let ended = close(channel, .output)
        loop.settle()
        #expect(handler.events.contains(event))
        #expect(Array(handler.events.drop { $0 != event }) == [event, "inactive", "unregistered", "removed"])
        #expect(written.isDone && ended.isDone)
        #expect(!channel.isActive)
    }

    // MARK: Writing and closing

    @Test("the promise of a write succeeds when the kernel has all of it, and fails with the connection")
    func promises() throws {
        let (channel, _, peer) = try opened()
        let first = write("abc", channel)
        loop.settle()
        #expect(!first.isDone)
        flush(channel)
        #expect(first.isDone && first.error == nil)
        calls.writing = { _ in -Int(EAGAIN) }
        let second = write("def", channel)
        flush(channel)
        let third = write("ghi", channel)
        #expect(!second.isDone && !third.isDone)
        #expect(try channel.syncOptions?.getOption(.bufferedWritableBytes) == 6)
        calls.writing = { _ in nil }
        loop.turns { second.isDone }
        #expect(second.error == nil && !third.isDone)
        #expect(peer.text() == "abcdef")
        _ = close(channel)
        #expect(third.error as? ChannelError == .ioOnClosedChannel)
        #expect(write("late", channel).error as? ChannelError == .ioOnClosedChannel)
    }

    @Test("a write that breaks the connection fails with what the system says")
    func brokenWrite() throws {
        let (channel, handler, peer) = try opened(autoRead: false)
        peer.close()
        let outcome = write("abc", channel)
        flush(channel)
        #expect((outcome.error as? IOError)?.errnoCode == EPIPE)
        #expect(!channel.isActive)
        #expect(handler.events.contains("error \(EPIPE)"))
    }

    @Test("behind the end of the output a write fails; the end is done behind what waits, and a second one at once")
    func output() throws {
        let (channel, handler, peer) = try opened()
        var outcomes = [-Int(EAGAIN)]
        calls.writing = { _ in outcomes.popLast() }
        let before = write("abc", channel)
        flush(channel)
        let end = close(channel, .output)
        let behind = write("lost", channel)
        flush(channel)
        #expect(behind.error as? ChannelError == .outputClosed)
        #expect(!end.isDone && !before.isDone)
        loop.turns { end.isDone }
        #expect(end.error == nil && before.error == nil)
        #expect(handler.events.last == "outputClosed")
        #expect(peer.text() == "abc" && peer.hasSeenEnd)
        #expect(close(channel, .output).isDone)
        #expect(close(channel, .input).error as? ChannelError == .operationUnsupported)
        #expect(channel.isActive)
    }

    @Test("a write before the handshake's end is done behind it")
    func handshake() throws {
        let site = try TLSSite()
        let (channel, handler, raw) = try opened()
        try channel.startTLS(server: site.server)
        let peer = try TLSPeer(client: site, raw)
        let outcome = write("early", channel)
        flush(channel)
        loop.settle()
        #expect(!outcome.isDone)
        loop.turns {
            peer.pump()
            return outcome.isDone
        }
        loop.turns {
            peer.pump()
            return peer.text == "early"
        }
        #expect(handler.events == ["registered", "active", "secured http/1.1"])
        peer.raw.end()
        loop.turns { handler.events.contains("inputClosed") }
        #expect(handler.events.suffix(2) == ["error UncleanTLSEnd", "inputClosed"])
    }

    // MARK: Reading

    @Test("without automatic reads each read is asked for")
    func autoRead() throws {
        let (channel, handler, peer) = try opened(autoRead: false)
        peer.write("abc")
        loop.settle()
        #expect(handler.bytes == [])
        channel.pipeline.syncOperations.read()
        loop.settle()
        #expect(handler.events.suffix(2) == ["read", "complete"])
        peer.write("def")
        loop.settle()
        #expect(handler.bytes == Array("abc".utf8))
        try channel.syncOptions?.setOption(.autoRead, value: true)
        loop.settle()
        #expect(handler.bytes == Array("abcdef".utf8))
        try channel.syncOptions?.setOption(.autoRead, value: false)
        peer.write("ghi")
        loop.settle()
        #expect(handler.bytes == Array("abcdef".utf8))
        #expect(try channel.syncOptions?.getOption(.autoRead) == false)
    }

    @Test("a handler that keeps a small read keeps no more memory than that; a large one is not copied")
    func copies() throws {
        let (_, handler, peer) = try opened()
        peer.write("abc")
        loop.turns { handler.kept.count == 1 }
        #expect(handler.kept[0].storageCapacity < 64)
        peer.write([UInt8](repeating: 1, count: 20_000))
        loop.turns { handler.bytes.count == 20_003 }
        #expect(handler.kept.last?.storageCapacity ?? 0 >= 65_536)
    }

    // MARK: Detaching

    private final class Counter: StreamSocketObserver {
        var count = 0
        func socketHasClosed() { count += 1 }
    }

    @Test("a detached socket goes on, its observer with it; handlers are removed and told of no end")
    func detach() throws {
        let (channel, handler, peer) = try opened()
        let counter = Counter()
        channel.observe(by: counter)
        let lost = write("unflushed ", channel)
        let socket = try #require(channel.detach())
        #expect(channel.detach() == nil)
        loop.settle()
        #expect(handler.events == ["registered", "active", "removed"])
        #expect(lost.error != nil && !channel.isActive)
        #expect(counter.count == 0)
        let diary = SocketDiary()
        socket.delegate = diary
        peer.write("abc")
        socket.read()
        loop.turns { diary.text == "abc" }
        socket.write("def")
        socket.flush()
        #expect(peer.text() == "unflushed def")
        socket.close()
        #expect(counter.count == 1)
        #expect(diary.events.last == .closed(0))
    }

    @Test("a handler may detach while it reads: what follows is the other's")
    func detachInside() throws {
        let (channel, handler, peer) = try opened()
        let diary = SocketDiary()
        var socket: StreamSocket?
        handler.answer = { event, _ in
            guard event == "read" else { return }
            socket = channel.detach()
            socket?.delegate = diary
        }
        peer.write("abc")
        loop.settle()
        #expect(handler.events == ["registered", "active", "read", "removed"])
        peer.write("def")
        socket?.read()
        loop.turns { diary.text == "def" }
        socket?.close()
    }

    @Test("one whose kernel does not watch it is closed, and tells nothing")
    func refused() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)").path
        let descriptor = try SystemCall.check(open(file, O_RDWR | O_CREAT, 0o600), "open")
        defer { unlink(file) }
        let channel = SocketChannel(StreamSocket(descriptor, on: loop.loop))
        let handler = ChannelDiary()
        try channel.pipeline.syncOperations.addHandler(handler)
        #expect(throws: IOError.self) { try channel.activate() }
        loop.settle()
        #expect(handler.events == ["removed"])
        #expect(throws: ChannelError.self) { try channel.activate() }
    }
}
