import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("What a stream socket reads")
struct StreamSocketReadingTests: SocketFixture {
    private let calls = ScriptedCalls()
    let loop: DrivenLoop
    let diary = SocketDiary()

    init() throws { loop = try DrivenLoop(calls: calls) }

    @Test("each request is answered by one read, and none comes without one")
    func oneRead() throws {
        let (socket, peer) = try joined()
        peer.write("abc")
        loop.settle()
        #expect(diary.events == [])
        socket.read()
        socket.read()
        loop.settle()
        #expect(diary.events == [.received(3), .readComplete])
        peer.write("def")
        loop.settle()
        #expect(diary.events.count == 2)
        socket.read()
        loop.settle()
        #expect(diary.text == "abcdef")
        #expect(calls.reads == 2)
    }

    @Test("a request that is taken back is not answered")
    func stop() throws {
        let (socket, peer) = try joined()
        socket.read()
        loop.settle()
        socket.stopReading()
        peer.write("abc")
        loop.settle()
        #expect(diary.events == [])
        #expect(socket.interest == [])
        socket.read()
        loop.settle()
        #expect(diary.text == "abc")
    }

    @Test("a read takes 64 KiB at most, and the rest waits for the next request")
    func limit() throws {
        let (socket, peer) = try joined()
        let count = peer.write([UInt8](repeating: 7, count: 150_000))
        #expect(count > 65_536)
        socket.read()
        loop.settle()
        #expect(diary.events == [.received(65_536), .readComplete])
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        loop.turns { diary.bytes.count == count }
    }

    @Test("a call that a signal has interrupted is made again; nothing there is no answer")
    func interruptions() throws {
        let (socket, peer) = try joined()
        var outcomes = [-Int(EAGAIN), -Int(EINTR), -Int(EINTR)]
        calls.reading = { _ in outcomes.popLast() }
        peer.write("abc")
        socket.read()
        loop.turns { !diary.events.isEmpty }
        #expect(diary.events == [.received(3), .readComplete])
        #expect(calls.reads == 4)
    }

    @Test("an error of a read closes the socket with it")
    func failure() throws {
        let (socket, peer) = try joined()
        calls.reading = { _ in -Int(ETIMEDOUT) }
        peer.write("abc")
        socket.read()
        loop.turns { diary.isClosed }
        #expect(diary.events == [.closed(ETIMEDOUT)])
    }

    @Test("what came before a reset is read, then the reset is told")
    func beforeReset() throws {
        let (socket, peer) = try RawPeer.connected(to: loop.loop)
        socket.delegate = diary
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        try socket.open()
        socket.read()
        var isFirst = true
        calls.reading = { memory in
            defer { isFirst = false }
            guard isFirst else { return -Int(ECONNRESET) }
            memory.copyBytes(from: "last".utf8)
            return 4
        }
        peer.reset()
        loop.turns { diary.isClosed }
        #expect(diary.events == [.received(4), .readComplete, .closed(ECONNRESET)])
        #expect(diary.text == "last")
    }

    // MARK: What came before a reset

    /// How a connection turns out to be broken.
    enum Discovery: CaseIterable { case event, write, waitingWrite }

    /// The peer has sent something, and then reset the connection.
    private func reset(
        found discovery: Discovery, sent count: Int = 4, noticesEnd: Bool, reads: Bool
    ) throws -> StreamSocket {
        let (socket, peer) = try RawPeer.connected(to: loop.loop)
        socket.delegate = diary
        socket.noticesEnd = noticesEnd
        try socket.open()
        if discovery == .waitingWrite {
            calls.writing = { _ in -Int(EAGAIN) }
            socket.write("waits")
            socket.flush()
            calls.writing = { _ in nil }
        }
        #expect(peer.write([UInt8](repeating: 9, count: count)) == count)
        peer.reset()
        if reads { socket.read() }
        if discovery == .write {
            while !socket.isBroken {
                socket.write("lost")
                socket.flush()
            }
        }
        return socket
    }

    @Test("what came before a reset is read when it is asked for", arguments: Discovery.allCases, [true, false])
    func beforeResetWanted(discovery: Discovery, notices: Bool) throws {
        let socket = try reset(found: discovery, noticesEnd: notices, reads: true)
        loop.turns { diary.isClosed }
        #expect(diary.events.dropLast() == [.received(4), .readComplete])
        #expect(!socket.isOpen)
        guard case .closed(let code) = diary.events.last else { return }
        #expect([ECONNRESET, EPIPE].contains(code))
    }

    @Test("what came before a reset is read ahead for whoever wants to notice an end", arguments: Discovery.allCases)
    func beforeResetNoticed(discovery: Discovery) throws {
        let socket = try reset(found: discovery, noticesEnd: true, reads: false)
        loop.turns { diary.isClosed }
        #expect(diary.events.dropLast() == [.received(4), .readComplete])
        #expect(!socket.isOpen)
    }

    @Test("until what came before a reset is asked for, it stays with the kernel", arguments: Discovery.allCases)
    func beforeResetUnwanted(discovery: Discovery) throws {
        let socket = try reset(found: discovery, sent: 100_000, noticesEnd: false, reads: false)
        loop.turns { socket.place == nil }
        #expect(diary.events == [])
        // The loop rests, and nothing is kept for a peer that has gone.
        socket.write("lost")
        socket.flush()
        #expect(socket.bufferedBytes == 0 && !socket.isDrained)
        socket.read()
        loop.turns { diary.bytes.count == 65_536 }
        loop.turns { socket.place == nil }
        #expect(socket.isOpen)
        socket.read()
        loop.turns { diary.isClosed }
        #expect(diary.bytes.count == 100_000)
        #expect(!diary.events.contains(.inputEnded) && !diary.events.contains(.drained))
    }

    @Test("a broken connection has room for what goes nowhere, and is closed when nobody reads what is left of it")
    func nobodyReads() throws {
        loop.loop.patienceForReaders = .milliseconds(20)
        let (socket, peer) = try RawPeer.connected(to: loop.loop)
        socket.delegate = diary
        try socket.open()
        calls.writing = { _ in -Int(EAGAIN) }
        socket.write(ByteBuffer(repeating: 1, count: 1_000_000))
        socket.flush()
        #expect(diary.events == [.writable(false)])
        calls.writing = { _ in nil }
        #expect(peer.write([UInt8](repeating: 9, count: 200_000)) == 200_000)
        peer.reset()
        loop.turns { diary.events.count == 2 }
        #expect(diary.events == [.writable(false), .writable(true)])
        // Each read gives it as long again.
        for _ in 0..<2 {
            let (end, before) = (NIODeadline.now() + .milliseconds(15), diary.bytes.count)
            loop.turns { NIODeadline.now() >= end }
            socket.read()
            loop.turns { diary.bytes.count > before }
        }
        loop.turns { diary.isClosed }
        #expect(diary.bytes.count < 200_000)
        guard case .closed(let code) = diary.events.last else { return }
        #expect([ECONNRESET, EPIPE].contains(code))
    }

    @Test("a broken connection with unread bytes can be closed from here")
    func closesBroken() throws {
        let socket = try reset(found: .write, noticesEnd: false, reads: false)
        #expect(socket.isOpen)
        socket.endOutput()
        socket.close()
        loop.settle()
        #expect(diary.events == [.closed(0)])
        #expect(loop.loop.poller.count == 1)
    }

    @Test("where writing fails for want of memory, the peer could send on for ever: the socket is closed at once")
    func outOfMemory() throws {
        let (socket, peer) = try joined()
        peer.write("abc")
        calls.writing = { _ in -Int(ENOBUFS) }
        socket.write("lost")
        socket.flush()
        #expect(diary.events == [.closed(ENOBUFS)])
    }

    // MARK: The end

    @Test("an end is told behind what came before it, and the other half goes on")
    func end() throws {
        let (socket, peer) = try joined()
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        peer.write("abc")
        peer.end()
        loop.settle()
        #expect(diary.events == [.received(3), .readComplete, .inputEnded])
        #expect(socket.isOpen)
        socket.write("answer")
        socket.flush()
        #expect(peer.text() == "answer")
        socket.read()
        loop.settle()
        socket.endOutput()
        #expect(diary.events.suffix(2) == [.outputEnded, .closed(0)])
    }

    @Test("while no read is wanted, an end is noticed by whoever wants that alone", arguments: [true, false])
    func noticed(notices: Bool) throws {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        socket.noticesEnd = notices
        try socket.open()
        peer.write("abc")
        loop.settle()
        #expect(diary.events == [])
        peer.end()
        loop.settle()
        #expect(diary.events == (notices ? [.received(3), .readComplete, .inputEnded] : []))
    }

    /// A unix socket whose peer has closed has lost both halves.
    @Test("the end of both halves is noticed too", arguments: [true, false])
    func noticedBoth(outputHasEnded: Bool) throws {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        socket.noticesEnd = true
        try socket.open()
        if outputHasEnded { socket.endOutput() }
        peer.close()
        loop.settle()
        #expect(
            diary.events == (outputHasEnded ? [.outputEnded] : []) + [.inputEnded, .closed(0)])
    }

    @Test("of a peer that sends more than is read ahead before its end, the rest waits for requests")
    func readAhead() throws {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        socket.noticesEnd = true
        var size: CInt = 4 * 1024 * 1024
        setsockopt(peer.descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &size, 4)
        try socket.open()
        var left = 600_000
        // A kernel whose buffers are small is helped out.
        calls.reading = { memory in
            let count = min(left, memory.count)
            left -= count
            return count
        }
        peer.end()
        loop.settle()
        #expect(diary.bytes.count >= 256 * 1024 && diary.bytes.count <= 256 * 1024 + 65_536)
        #expect(!diary.events.contains(.inputEnded))
        let read = calls.reads
        loop.settle()
        #expect(calls.reads == read)
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        loop.turns { diary.events.contains(.inputEnded) }
        #expect(diary.bytes.count == 600_000)
        #expect(diary.events.count { $0 == .inputEnded } == 1)
    }

    @Test("reading ahead stops when somebody else takes the socket over")
    func takenOver() throws {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        socket.noticesEnd = true
        try socket.open()
        let other = SocketDiary()
        diary.answer = { _, socket in
            socket.delegate = other
            socket.noticesEnd = false
        }
        let count = peer.write([UInt8](repeating: 1, count: 100_000))
        peer.end()
        loop.settle()
        #expect(diary.bytes.count == 65_536)
        #expect(other.bytes.isEmpty)
        other.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        loop.turns { other.events.contains(.inputEnded) }
        #expect(other.bytes.count == count - 65_536)
    }

    @Test(
        "a delegate may close in any call, and nothing follows",
        arguments: [.received(3), .readComplete, .inputEnded, .outputEnded, .writable(false), .drained]
            as [SocketDiary.Event], [true, false])
    func closesInside(event: SocketDiary.Event, notices: Bool) throws {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        socket.noticesEnd = notices
        try socket.open()
        diary.answer = { told, socket in
            if told == .readComplete { socket.read() }
            if told == event { socket.close() }
        }
        if case .writable = event { socket.watermarks = .init(low: 1, high: 2) }
        if event == .drained {
            var outcomes = [-Int(EAGAIN)]
            calls.writing = { _ in outcomes.popLast() }
        }
        if !notices { socket.read() }
        peer.write("abc")
        if !notices { loop.settle() }
        if socket.isOpen { peer.end() }
        loop.settle()
        if socket.isOpen {
            socket.write("four")
            socket.flush()
            loop.settle()
        }
        socket.endOutput()
        loop.settle()
        #expect(diary.events.contains(event))
        #expect(diary.events.suffix(2) == [event, .closed(0)])
        #expect(!socket.isOpen)
    }
}
