import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("A stream socket: its beginning, its end, what it is watched for")
struct StreamSocketTests: SocketFixture {
    let loop: DrivenLoop
    let diary = SocketDiary()

    init() throws { loop = try DrivenLoop() }

    private final class Counter: StreamSocketObserver {
        var count = 0
        func socketHasClosed() { count += 1 }
    }

    @Test("a close is told once, to the observer and the delegate, and nothing follows it")
    func close() throws {
        let (socket, peer) = try joined()
        let counter = Counter()
        socket.observer = counter
        socket.write("lost")
        socket.close()
        socket.close()
        #expect(!socket.isOpen && socket.bufferedBytes == 0)
        #expect(diary.events == [.closed(0)])
        #expect(counter.count == 1)
        // All of these are refused quietly.
        socket.write("a")
        socket.flush()
        socket.read()
        socket.endOutput()
        socket.stopReading()
        loop.settle()
        #expect(diary.events == [.closed(0)])
        #expect(peer.text() == "")
        #expect(peer.hasSeenEnd)
        #expect(loop.loop.poller.count == 1)
    }

    @Test("a socket that nobody holds is closed")
    func dropped() throws {
        let peer: RawPeer
        do {
            let (socket, other) = try RawPeer.joined(to: loop.loop)
            peer = other
            _ = socket
        }
        _ = peer.read()
        #expect(peer.hasSeenEnd)
    }

    @Test("one that had to keep bytes before it was opened can be opened")
    func early() throws {
        let calls = ScriptedCalls()
        let loop = try DrivenLoop(calls: calls)
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        calls.writing = { _ in -Int(EAGAIN) }
        socket.write("early")
        socket.flush()
        calls.writing = { _ in nil }
        try socket.open()
        loop.turns { diary.events == [.drained] }
        #expect(peer.text() == "early")
    }

    @Test("the end of the loop closes it, with an error")
    func loopEnds() throws {
        let (socket, peer) = try joined()
        loop.loop.windUp()
        #expect(diary.events == [.closed(-1)])
        #expect(!socket.isOpen)
        _ = peer.read()
        #expect(peer.hasSeenEnd)
    }

    @Test("a reset is told of, whether or not a read is wanted", arguments: [true, false])
    func reset(reads: Bool) throws {
        let (socket, peer) = try RawPeer.connected(to: loop.loop)
        socket.delegate = diary
        try socket.open()
        if reads { socket.read() }
        peer.reset()
        loop.turns { diary.isClosed }
        #expect(diary.events == [.closed(ECONNRESET)])
    }

    @Test("one that the kernel can't watch any more is closed, with what it says")
    func unwatched() throws {
        final class Occupant: PolledDescriptor {}
        let (socket, peer) = try joined()
        // Nothing is wanted of a socket without a peer's half, so that it is not watched.
        socket.endOutput()
        peer.close()
        loop.settle()
        #expect(socket.place == nil)
        let occupant = Occupant()
        try loop.loop.poller.add(occupant, socket.descriptor, for: [])
        socket.read()
        #expect(socket.isOpen)
        loop.settle()
        #expect(diary.events == [.outputEnded, .closed(EEXIST)])
    }

    @Test("while both halves have ended and nothing is wanted, the loop rests")
    func rests() throws {
        let (socket, peer) = try joined()
        socket.endOutput()
        peer.close()
        loop.settle()
        #expect(socket.place == nil)
        #expect(diary.events == [.outputEnded])
        socket.read()
        loop.turns { diary.isClosed }
        #expect(diary.events == [.outputEnded, .inputEnded, .closed(0)])
    }

    @Test("it knows its addresses and whether the kernel thinks that it is connected")
    func facts() throws {
        let (socket, peer) = try RawPeer.connected(to: loop.loop)
        try socket.open()
        #expect(socket.isEstablished)
        #expect(socket.localAddress?.ipAddress == "127.0.0.1")
        #expect(socket.remoteAddress == SystemCall.address { getsockname(peer.descriptor, $0, $1) })
        try socket.setOption(level: SOL_SOCKET, name: SO_KEEPALIVE, value: 1)
        #expect(try SystemCall.option(socket.descriptor, level: SOL_SOCKET, name: SO_KEEPALIVE) == 1)
        peer.end()
        loop.turns { !socket.isEstablished }
        socket.close()
        #expect(!socket.isEstablished)
        #expect(socket.localAddress == nil)
    }

    @Test("one over a unix socket is established until its input has ended")
    func establishedUnix() throws {
        let (socket, peer) = try joined()
        #expect(socket.isEstablished)
        socket.read()
        peer.end()
        loop.turns { diary.events.contains(.inputEnded) }
        #expect(!socket.isEstablished)
        socket.close()
    }

    // MARK: Pipes

    private func pipes() throws -> (CInt, CInt) {
        var ends: [CInt] = [-1, -1]
        try SystemCall.check(pipe(&ends), "pipe")
        return (ends[0], ends[1])
    }

    @Test("the end of a pipe is read until its writers have gone")
    func pipeReads() throws {
        let (from, to) = try pipes()
        let socket = try StreamSocket(pipe: from, on: loop.loop)
        socket.delegate = diary
        try socket.open()
        socket.read()
        _ = "hello".withCString { Foundation.write(to, $0, 5) }
        loop.turns { diary.text == "hello" }
        socket.read()
        SystemCall.close(to)
        loop.turns { diary.isClosed }
        #expect(diary.events == [.received(5), .readComplete, .inputEnded, .closed(0)])
    }

    @Test("the end of a pipe is written, and closes with its output")
    func pipeWrites() throws {
        let (from, to) = try pipes()
        let reader = try RawPeer(from)
        let socket = try StreamSocket(pipe: to, on: loop.loop)
        socket.delegate = diary
        try socket.open()
        let bytes = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        socket.write(ByteBuffer(bytes: bytes))
        socket.endOutput()
        #expect(socket.bufferedBytes > 0)
        var read: [UInt8] = []
        loop.turns {
            read += reader.read()
            return reader.hasSeenEnd
        }
        #expect(read == bytes)
        #expect(diary.events.last == .closed(0))
    }

    @Test("a pipe that nobody reads any more is closed by EPIPE", arguments: [true, false])
    func brokenPipe(writes: Bool) throws {
        signal(SIGPIPE, SIG_IGN)
        let (from, to) = try pipes()
        let socket = try StreamSocket(pipe: to, on: loop.loop)
        socket.delegate = diary
        try socket.open()
        SystemCall.close(from)
        if writes {
            socket.write("a")
            socket.flush()
        }
        loop.turns { diary.isClosed }
        #expect(diary.events == [.closed(EPIPE)])
    }

    @Test("what is no descriptor is refused")
    func noPipe() throws {
        #expect(throws: IOError.self) { try StreamSocket(pipe: -1, on: loop.loop) }
    }
}
