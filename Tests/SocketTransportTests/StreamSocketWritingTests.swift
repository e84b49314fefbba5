import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("What a stream socket writes")
struct StreamSocketWritingTests: SocketFixture {
    private let calls = ScriptedCalls()
    let loop: DrivenLoop
    let diary = SocketDiary()

    init() throws { loop = try DrivenLoop(calls: calls) }

    @Test("what is written goes with the flush, in one call")
    func oneCall() throws {
        let (socket, peer) = try joined()
        socket.flush()
        socket.write(ByteBuffer())
        for word in ["a", "bc", "def"] { socket.write(word) }
        #expect(socket.bufferedBytes == 6)
        #expect(calls.written == [])
        socket.flush()
        #expect(calls.written == [6])
        #expect(socket.bufferedBytes == 0 && socket.isDrained)
        #expect(peer.text() == "abcdef")
        // Nothing had to wait.
        #expect(diary.events == [])
    }

    @Test("many pieces of any size arrive in order, though the peer is slow")
    func blocked() throws {
        let (socket, peer) = try joined()
        var sent: [UInt8] = []
        for number in 0..<400 {
            let size = [1, 10, 1000, 9000, 40_000][number % 5]
            let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 3 &+ number) }
            sent += piece
            socket.write(ByteBuffer(bytes: piece))
            if number % 7 == 0 { socket.flush() }
        }
        socket.flush()
        #expect(!socket.isDrained && !socket.isWritable)
        #expect(socket.bufferedBytes > 100_000)
        var read: [UInt8] = []
        loop.turns {
            read += peer.read(limit: 20_000)
            return socket.isDrained
        }
        read += peer.read()
        #expect(read == sent)
        #expect(diary.events == [.writable(false), .writable(true), .drained])
    }

    @Test("what is flushed while something waits goes behind it")
    func behind() throws {
        let (socket, peer) = try joined()
        var room = 4
        calls.writing = { bytes in
            guard room > 0 else { return -Int(EAGAIN) }
            defer { room = 0 }
            // The system takes what there is room for.
            return peer.isTaking(bytes, limit: room, from: socket)
        }
        socket.write("abcdef")
        socket.flush()
        #expect(socket.bufferedBytes == 2)
        socket.write("gh")
        socket.flush()
        #expect(socket.bufferedBytes == 4)
        room = 1
        loop.turns { socket.bufferedBytes == 3 }
        socket.write("ij")
        socket.flush()
        room = 100
        loop.turns { socket.isDrained }
        #expect(peer.text() == "abcdefghij")
        #expect(diary.events == [.drained])
    }

    @Test("watermarks: above the high one it is not writable, below the low one it is again")
    func watermarks() throws {
        let (socket, peer) = try joined()
        defer { peer.close() }
        socket.watermarks = .init(low: 3, high: 5)
        var room = 0
        calls.writing = { _ in
            guard room > 0 else { return -Int(EAGAIN) }
            room -= 1
            return 1
        }
        socket.write("abcde")
        #expect(socket.isWritable)
        socket.write("f")
        #expect(!socket.isWritable)
        #expect(diary.events == [.writable(false)])
        socket.flush()
        #expect(diary.events == [.writable(false)])
        room = 3
        loop.settle()
        #expect(socket.bufferedBytes == 3 && !socket.isWritable)
        room = 1
        loop.settle()
        #expect(socket.bufferedBytes == 2 && socket.isWritable)
        #expect(diary.events == [.writable(false), .writable(true)])
        room = 2
        loop.settle()
        #expect(diary.events == [.writable(false), .writable(true), .drained])
    }

    @Test("a write that a signal has interrupted is made again")
    func interrupted() throws {
        let (socket, peer) = try joined()
        var outcomes = [-Int(EINTR), -Int(EINTR)]
        calls.writing = { _ in outcomes.popLast() }
        socket.write("abc")
        socket.flush()
        #expect(peer.text() == "abc")
    }

    @Test("the end of the output goes behind what waits, and nothing is written behind it")
    func end() throws {
        let (socket, peer) = try joined()
        let bytes = [UInt8](repeating: 5, count: 1_000_000)
        socket.write(ByteBuffer(bytes: bytes))
        socket.endOutput()
        socket.endOutput()
        socket.write("dropped")
        socket.flush()
        #expect(!diary.events.contains(.outputEnded))
        var read: [UInt8] = []
        loop.turns {
            read += peer.read()
            return peer.hasSeenEnd
        }
        #expect(read == bytes)
        #expect(diary.events.suffix(2) == [.drained, .outputEnded])
        #expect(socket.isOpen)
        peer.write("answer")
        socket.read()
        loop.settle()
        #expect(diary.text == "answer")
    }

    @Test("an end inside a call of the delegate is told once")
    func endInside() throws {
        let (socket, peer) = try joined()
        socket.watermarks = .init(low: 1, high: 2)
        diary.answer = { event, socket in if event == .writable(true) { socket.endOutput() } }
        socket.write("abc")
        socket.endOutput()
        #expect(diary.events == [.writable(false), .writable(true), .outputEnded])
        #expect(peer.text() == "abc")
        #expect(peer.hasSeenEnd)
    }

    @Test("a peer that has gone is learned of by a write: EPIPE", arguments: [1, 3])
    func broken(pieces: Int) throws {
        let (socket, peer) = try joined()
        peer.close()
        for _ in 0..<pieces { socket.write("abc") }
        socket.flush()
        #expect(diary.events == [.closed(EPIPE)])
        #expect(!socket.isOpen)
    }

    @Test("a peer that goes while something waits is learned of")
    func brokenWaiting() throws {
        let (socket, peer) = try joined()
        socket.write(ByteBuffer(repeating: 1, count: 1_000_000))
        socket.flush()
        #expect(!socket.isDrained)
        peer.close()
        loop.turns { diary.isClosed }
        guard case .closed(let code) = diary.events.last else { return }
        #expect([EPIPE, ECONNRESET].contains(code))
    }

    @Test("a delegate may send small pieces on another socket when one breaks amid small pieces")
    func sendsInsideClose() throws {
        let (socket, peer) = try joined()
        let (other, otherPeer) = try RawPeer.joined(to: loop.loop)
        try other.open()
        diary.answer = { event, _ in
            guard case .closed = event else { return }
            for word in ["good", "-", "bye"] { other.write(word) }
            other.flush()
        }
        peer.close()
        for _ in 0..<10 { socket.write(ByteBuffer(repeating: 9, count: 7000)) }
        socket.flush()
        #expect(diary.events == [.writable(true), .closed(EPIPE)] || diary.events == [.closed(EPIPE)])
        #expect(otherPeer.text() == "good-bye")
        other.close()
    }

    @Test("a delegate may write, flush and end when everything is with the kernel")
    func answersDrained() throws {
        let (socket, peer) = try joined()
        var outcomes = [-Int(EAGAIN)]
        calls.writing = { _ in outcomes.popLast() }
        diary.answer = { event, socket in
            guard event == .drained else { return }
            socket.write(" and more")
            socket.endOutput()
        }
        socket.write("some")
        socket.flush()
        loop.turns { diary.events.contains(.outputEnded) }
        #expect(peer.text() == "some and more")
        #expect(diary.events == [.drained, .outputEnded])
    }
}

extension RawPeer {
    /// Has the system take the first `limit` bytes of a write to `socket`.
    fileprivate func isTaking(_ bytes: UnsafeRawBufferPointer, limit: Int, from socket: StreamSocket) -> Int {
        SystemCall.write(
            socket.descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(limit)), isSocket: true)
    }
}
