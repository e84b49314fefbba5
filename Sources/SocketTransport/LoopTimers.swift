import HeapModule
import NIOCore

/// Something that is to be done at a time.
final class LoopTimer {
    let deadline: NIODeadline
    fileprivate var work: (() -> Void)?
    fileprivate var fail: ((any Error) -> Void)?
    fileprivate var isAdded = false

    init(deadline: NIODeadline, work: @escaping () -> Void, fail: @escaping (any Error) -> Void) {
        self.deadline = deadline
        self.work = work
        self.fail = fail
    }
}

/// The timers of one event loop, the next one first; those of one moment in the order in which they were added.
struct LoopTimers {
    private struct Entry: Comparable {
        let timer: LoopTimer
        let order: UInt64

        static func < (a: Entry, b: Entry) -> Bool {
            a.timer.deadline == b.timer.deadline ? a.order < b.order : a.timer.deadline < b.timer.deadline
        }
        static func == (a: Entry, b: Entry) -> Bool { a.order == b.order }
    }

    private var heap = Heap<Entry>()
    private var order: UInt64 = 0
    /// How many of the heap were cancelled.
    private var cancelled = 0

    mutating func add(_ timer: LoopTimer) {
        guard timer.work != nil else { return }
        order &+= 1
        timer.isAdded = true
        heap.insert(Entry(timer: timer, order: order))
    }

    /// Lets go of what the timer holds at once. Its entry stays until its time comes, or until more than half of the
    /// entries are such: taking one out of the middle of a heap would cost as much as looking at all of them.
    ///
    /// - Returns: what the timer has held. Letting go of it may end objects that cancel timers themselves, so that the
    ///   caller does that when this call is over.
    mutating func cancel(_ timer: LoopTimer) -> [Any] {
        guard let work = timer.work else { return [] }
        let held: [Any] = [work, timer.fail as Any]
        timer.work = nil
        timer.fail = nil
        // One that was cancelled before it was added never comes into the heap.
        guard timer.isAdded else { return held }
        cancelled += 1
        if cancelled > 64, cancelled > heap.count / 2 {
            heap = Heap(heap.unordered.filter { $0.timer.work != nil })
            cancelled = 0
        }
        return held
    }

    /// How many entries there are, those of cancelled timers among them.
    var count: Int { heap.count }

    /// The timer that was added last. Together with `takeDue` it tells those that were there from those that come later.
    var newest: UInt64 { order }

    /// When the next one is due.
    mutating func next() -> NIODeadline? {
        while let first = heap.min {
            if first.timer.work != nil { return first.timer.deadline }
            heap.removeMin()
            cancelled -= 1
        }
        return nil
    }

    /// Takes out the work of the next timer that is due; nil: none is.
    ///
    /// - Parameter newest: a timer added after this one ends the search: it waits for the next turn, as do those behind it.
    mutating func takeDue(now: NIODeadline, newest: UInt64 = .max) -> (() -> Void)? {
        guard let next = next(), next <= now, let first = heap.min, first.order <= newest else { return nil }
        let timer = heap.removeMin().timer
        defer {
            timer.work = nil
            timer.fail = nil
        }
        return timer.work
    }

    /// Takes out what all are to be told that will never be due.
    mutating func takeFailures() -> [(any Error) -> Void] {
        defer {
            heap = Heap()
            cancelled = 0
        }
        return heap.unordered.compactMap(\.timer.fail)
    }
}
