import NIOCore
import Testing

@testable import SocketTransport

@Suite("The timers of an event loop")
struct LoopTimersTests {
    private final class Diary {
        var done: [String] = []
        var failed: [String] = []
    }

    private let diary = Diary()

    private func timer(_ name: String, at nanoseconds: UInt64) -> LoopTimer {
        LoopTimer(deadline: .uptimeNanoseconds(nanoseconds)) { [diary] in
            diary.done.append(name)
        } fail: { [diary] _ in
            diary.failed.append(name)
        }
    }

    private func run(_ timers: inout LoopTimers, now: UInt64) {
        while let work = timers.takeDue(now: .uptimeNanoseconds(now)) { work() }
    }

    @Test("those that are due come in the order of their times, and of one time as they were added")
    func order() {
        var timers = LoopTimers()
        for (name, time) in [("c", 30), ("a1", 10), ("b", 20), ("a2", 10), ("d", 40), ("a3", 10)] as [(String, UInt64)]
        {
            timers.add(timer(name, at: time))
        }
        #expect(timers.next() == .uptimeNanoseconds(10))
        run(&timers, now: 9)
        #expect(diary.done == [])
        run(&timers, now: 30)
        #expect(diary.done == ["a1", "a2", "a3", "b", "c"])
        #expect(timers.next() == .uptimeNanoseconds(40))
        run(&timers, now: 41)
        #expect(diary.done.last == "d")
        #expect(timers.next() == nil)
    }

    @Test("one that is added by one that is due is not among those of the turn")
    func later() {
        var timers = LoopTimers()
        timers.add(timer("a", at: 10))
        let newest = timers.newest
        timers.add(timer("b", at: 5))
        #expect(timers.takeDue(now: .uptimeNanoseconds(20), newest: newest) == nil)
        run(&timers, now: 20)
        #expect(diary.done == ["b", "a"])
    }

    @Test("a cancelled one is not run, keeps nothing, and is not told of the end")
    func cancel() {
        var timers = LoopTimers()
        weak var kept: Diary?
        let timers3: [LoopTimer]
        do {
            let object = Diary()
            kept = object
            timers3 = [
                timer("a", at: 10),
                LoopTimer(deadline: .uptimeNanoseconds(20)) {
                    object.done.append("b")
                } fail: { _ in
                },
                timer("c", at: 30),
            ]
        }
        for timer in timers3 { timers.add(timer) }
        #expect(kept != nil)
        _ = timers.cancel(timers3[1])
        #expect(kept == nil)
        _ = timers.cancel(timers3[1])
        _ = timers.cancel(timers3[0])
        #expect(timers.next() == .uptimeNanoseconds(30))
        for fail in timers.takeFailures() { fail(EventLoopError.shutdown) }
        #expect(diary.failed == ["c"])
        #expect(timers.count == 0)
    }

    @Test("one that is cancelled before it is added never runs, and does not count")
    func early() {
        var timers = LoopTimers()
        for number in 0..<200 {
            let early = timer("\(number)", at: 1)
            _ = timers.cancel(early)
            timers.add(early)
        }
        #expect(timers.count == 0)
        timers.add(timer("a", at: 1))
        run(&timers, now: 2)
        #expect(diary.done == ["a"])
    }

    @Test("no more than half of many entries are cancelled ones", arguments: [100, 1000, 5000])
    func compaction(count: Int) {
        var timers = LoopTimers()
        let all = (0..<count).map { timer("\($0)", at: UInt64(1000 + $0)) }
        for timer in all { timers.add(timer) }
        for (number, timer) in all.enumerated() where number % 10 != 3 {
            _ = timers.cancel(timer)
            let live = count - (number + 1) + (number + 7) / 10
            #expect(timers.count <= max(2 * live + 2, live + 65))
        }
        #expect(timers.count < count / 5 + 66)
        run(&timers, now: UInt64(1000 + count))
        #expect(diary.done == (0..<count).filter { $0 % 10 == 3 }.map(String.init))
    }

    @Test("cancelling inside the work of the timer itself does nothing")
    func inside() {
        var timers = LoopTimers()
        let own = timer("a", at: 1)
        timers.add(own)
        let work = timers.takeDue(now: .uptimeNanoseconds(1))
        #expect(timers.cancel(own).isEmpty)
        work?()
        #expect(diary.done == ["a"])
        #expect(timers.takeFailures().isEmpty)
    }
}
