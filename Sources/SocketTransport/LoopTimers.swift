import HeapModule
import NIOCore

/// Something that is to be done at a time.
final class LoopTimer {
    let deadline: NIODeadline
    fileprivate var work: (() -> Void)?
    fileprivate var fail: ((any Error) -> Void)?

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
        heap.insert(Entry(timer: timer, order: order))
    }

    /// Lets go of what the timer holds at once. Its entry stays until its time comes, or until more than half of the
    /// entries are such: taking one out of the middle of a heap would cost as much as looking at all of them.
    mutating func cancel(_ timer: LoopTimer) {
        guard timer.work != nil else { return }
        timer.work = nil
        timer.fail = nil
        cancelled += 1
        guard cancelled > 64, cancelled > heap.count / 2 else { return }
        heap = Heap(heap.unordered.filter { $0.timer.work != nil })
        cancelled = 0
    }

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
    mutating func takeDue(now: NIODeadline) -> (() -> Void)? {
        guard let next = next(), next <= now else { return nil }
        let timer = heap.removeMin().timer
        defer {
            timer.work = nil
            timer.fail = nil
        }
        return timer.work
    }

    /// Takes out what all are to be told that will never be due.
    mutating func takeFailures() -> [(any Error) -> Void] {
        defer { heap = Heap() }
        return heap.unordered.compactMap(\.timer.fail)
    }
}
