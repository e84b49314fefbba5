import Foundation
import NIOCore
import Synchronization
import Testing

@testable import SocketTransport

@Suite("An event loop with a thread of its own", .timeLimit(.minutes(1)))
struct SocketEventLoopTests {
    /// What was done, in order, from any thread.
    private final class Diary: Sendable {
        private let words = Mutex<[String]>([])
        func note(_ word: String) { words.withLock { $0.append(word) } }
        var all: [String] { words.withLock { $0 } }
    }

    private let diary = Diary()

    private func started() throws -> SocketEventLoop {
        let loop = try SocketEventLoop()
        try loop.start(named: "test")
        return loop
    }

    private func end(_ loop: SocketEventLoop) async {
        await withCheckedContinuation { done in loop.end { done.resume() } }
    }

    @Test("tasks run in order: those of one thread as they were given, those of the loop itself in its next turn")
    func order() async throws {
        let loop = try started()
        let diary = diary
        for number in 0..<1000 { loop.execute { diary.note("\(number)") } }
        loop.execute {
            loop.execute { diary.note("inner") }
            diary.note("outer")
        }
        #expect(!loop.inEventLoop)
        #expect(try await loop.submit { loop.inEventLoop }.get())
        try await loop.submit {}.get()
        #expect(diary.all == (0..<1000).map(String.init) + ["outer", "inner"])
        await end(loop)
    }

    @Test("tasks of many threads all run")
    func threads() async throws {
        let loop = try started()
        let diary = diary
        let times = 5000
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<times { loop.execute { diary.note("") } }
                    try await loop.submit {}.get()
                }
            }
            try await group.waitForAll()
        }
        #expect(diary.all.count == 4 * times)
        await end(loop)
    }

    @Test("a submitted task passes on its result, and its error")
    func submit() async throws {
        let loop = try started()
        #expect(try await loop.submit { 7 }.get() == 7)
        await #expect(throws: ChannelError.self) { try await loop.submit { throw ChannelError.eof }.get() }
        #expect(try await loop.submit { 1 }.flatMap { loop.makeSucceededFuture($0 + 1) }.get() == 2)
        await end(loop)
    }

    @Test("scheduled tasks come in the order of their times, not before them")
    func schedule() async throws {
        let loop = try started()
        let diary = diary
        let begin = NIODeadline.now()
        let late = loop.scheduleTask(in: .milliseconds(30)) { diary.note("late") }
        let early = loop.scheduleTask(in: .milliseconds(10)) {
            diary.note("early")
            return NIODeadline.now()
        }
        let failing = loop.scheduleTask(in: .milliseconds(1)) { throw ChannelError.eof }
        await #expect(throws: ChannelError.self) { try await failing.futureResult.get() }
        try await late.futureResult.get()
        #expect(try await early.futureResult.get() - begin >= .milliseconds(10))
        #expect(diary.all == ["early", "late"])
        await end(loop)
    }

    private final class Ready: PolledDescriptor {
        var answer: () -> Void = {}
        override func ready(_ events: PollEvents) { answer() }
    }

    @Test("what came while a turn took long is seen before the timer that waits for it ends the wait")
    func longTurn() throws {
        let driven = try DrivenLoop()
        let loop = driven.loop
        let (slow, late) = (Ready(), Ready())
        let (slowEnd, slowPeer) = try RawPeer.pair()
        let (lateEnd, latePeer) = try RawPeer.pair()
        try loop.poller.add(slow, slowEnd.descriptor, for: .readable)
        try loop.poller.add(late, lateEnd.descriptor, for: .readable)
        slowPeer.write("a")
        let diary = diary
        let deadline = NIODeadline.now() + .milliseconds(20)
        loop.scheduleTask(deadline: deadline) { diary.note("timer") }
        slow.answer = {
            loop.poller.remove(slow, slowEnd.descriptor)
            latePeer.write("a")
            while NIODeadline.now() < deadline {}
            diary.note("slow")
        }
        late.answer = {
            loop.poller.remove(late, lateEnd.descriptor)
            diary.note("ready")
        }
        driven.turns(until: { diary.all.count == 3 })
        #expect(diary.all == ["slow", "ready", "timer"])
    }

    @Test("a scheduled task is cancelled from any thread", arguments: [true, false])
    func cancel(onLoop: Bool) async throws {
        let loop = try started()
        let diary = diary
        let task = loop.scheduleTask(in: .milliseconds(50)) { diary.note("ran") }
        let marker = loop.scheduleTask(in: .milliseconds(60)) {}
        if onLoop { try await loop.submit { task.cancel() }.get() } else { task.cancel() }
        await #expect(throws: EventLoopError.self) { try await task.futureResult.get() }
        try await marker.futureResult.get()
        #expect(diary.all == [])
        await end(loop)
    }

    @Test("a task that schedules itself for a time that has passed does not hold the loop")
    func overdue() async throws {
        let loop = try started()
        let goesOn = Atomic<Bool>(true)
        let rounds = Atomic<Int>(0)
        @Sendable func again() {
            rounds.wrappingAdd(1, ordering: .relaxed)
            if goesOn.load(ordering: .relaxed) { loop.scheduleTask(deadline: .uptimeNanoseconds(1)) { again() } }
        }
        loop.execute { again() }
        while rounds.load(ordering: .relaxed) < 100 { await Task.yield() }
        try await loop.submit { goesOn.store(false, ordering: .relaxed) }.get()
        await end(loop)
    }

    @Test("its end fails what is scheduled, closes sockets, and runs what that causes")
    func ends() async throws {
        let loop = try started()
        let diary = diary
        loop.scheduleTask(in: .hours(1)) {}.futureResult.whenFailure { _ in diary.note("scheduled failed") }
        let peer = try await loop.submit {
            let (socket, peer) = try RawPeer.joined(to: loop)
            let socketDiary = SocketDiary()
            socketDiary.answer = { event, _ in
                guard case .closed = event else { return }
                diary.note("closed")
                loop.execute {
                    diary.note("caused")
                    loop.execute { diary.note("caused by that") }
                    // Refused, as is what comes of it.
                    loop.scheduleTask(in: .hours(1)) {}.futureResult.whenFailure { _ in
                        diary.note("refused")
                        loop.scheduleTask(in: .zero) {}.futureResult.whenFailure { _ in diary.note("again") }
                    }
                }
            }
            socket.delegate = socketDiary
            try socket.open()
            return UncheckedBox(peer)
        }.get().value
        await end(loop)
        #expect(
            diary.all.sorted()
                == ["closed", "caused", "scheduled failed", "caused by that", "refused", "again"].sorted())
        _ = peer.read()
        #expect(peer.hasSeenEnd)
    }

    @Test("a socket that its end has somebody open is closed too")
    func opensInEnd() async throws {
        let loop = try started()
        let opened = try await loop.submit {
            let (first, firstPeer) = try RawPeer.joined(to: loop)
            let (second, secondPeer) = try RawPeer.joined(to: loop)
            let diary = SocketDiary()
            let later = UncheckedBox(second)
            diary.answer = { _, _ in loop.execute { try? later.value.open() } }
            first.delegate = diary
            try first.open()
            return UncheckedBox((firstPeer, secondPeer))
        }.get().value
        await end(loop)
        for peer in [opened.0, opened.1] {
            _ = peer.read()
            #expect(peer.hasSeenEnd)
        }
    }

    @Test("what comes after the end is refused, and a second end is told at once")
    func late() async throws {
        let loop = try started()
        let diary = diary
        await end(loop)
        loop.execute { diary.note("late") }
        // A promise that was never completed would trap when it goes.
        for _ in 0..<10 {
            _ = loop.submit { diary.note("late") }
            loop.scheduleTask(in: .zero) { diary.note("late") }.cancel()
        }
        #expect(!loop.inEventLoop)
        await end(loop)
        #expect(diary.all == [])
    }

    @Test("whoever waits for what comes after the end is told that there is none")
    func waitsForLate() async throws {
        let loop = try started()
        await end(loop)
        // Many at once, as nobody's thread is the loop's then.
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    await #expect(throws: EventLoopError.self) { try await loop.submit { 1 }.get() }
                    await #expect(throws: EventLoopError.self) {
                        try await loop.flatSubmit { loop.makeSucceededFuture(1) }.map { $0 + 1 }.get()
                    }
                    let task = loop.scheduleTask(in: .zero) { 1 }
                    task.cancel()
                    await #expect(throws: EventLoopError.self) { try await task.futureResult.get() }
                }
            }
        }
        #expect(!loop.inEventLoop && !EndedLoop.shared.inEventLoop)
    }

    @Test("two that end it at the same time are both told")
    func twoEnds() async throws {
        let loop = try started()
        async let first: Void = end(loop)
        async let second: Void = end(loop)
        _ = await (first, second)
    }

    @Test("it does not end by itself, and knows itself alone")
    func group() async throws {
        let loop = try started()
        #expect(loop.next() === loop && loop.any() === loop)
        #expect(Array(loop.makeIterator()).count == 1)
        await #expect(throws: EventLoopError.self) { try await loop.shutdownGracefully() }
        await end(loop)
    }
}

/// Carries what only one thread uses at a time.
struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
