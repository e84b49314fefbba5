import Dispatch
import Synchronization
import Testing

@testable import Gateway

@Suite("Work that waits for the work before it", .timeLimit(.minutes(2)))
struct TaskLineTests {
    private let line = TaskLine()
    private let work = Work()

    /// What is done.
    private final class Work: Sendable {
        private let running = Atomic(0)
        private let done = Mutex<[Int]>([])
        var numbers: [Int] { done.withLock { $0 } }

        /// - Returns: `number`, unless other work was under way.
        func run(_ number: Int) async -> Int {
            let before = running.add(1, ordering: .relaxed).oldValue
            for _ in 0..<5 { await Task.yield() }
            running.subtract(1, ordering: .relaxed)
            done.withLock { $0.append(number) }
            return before == 0 ? number : -1
        }
    }

    @Test("one at a time, and each caller gets what its own gave")
    func oneAtATime() async {
        let values = await withTaskGroup(of: (Int, Int).self) { group in
            for number in 0..<100 {
                group.addTask { [line, work] in (number, await line.run { await work.run(number) }) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values.count == 100)
        #expect(values.allSatisfy { $0 == $1 })
    }

    @Test("in the order in which they were asked for, whether or not whoever asked still waits")
    func order() async {
        // What is asked for first waits until all have been asked for.
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let turns = OneByOne()
        let tasks = (0..<50).map { number in
            Task(executorPreference: turns) { [line, work] in
                await line.run {
                    if number == 0 { for await _ in gate {} }
                    return await work.run(number)
                }
            }
        }
        // Behind those.
        await Task(executorPreference: turns) {}.value
        #expect(work.numbers.isEmpty)
        tasks[1].cancel()
        opening.finish()
        for (number, task) in tasks.enumerated() { #expect(await task.value == number) }
        #expect(work.numbers == Array(0..<50))
    }
}

/// Gives tasks their turns in the order in which they ask.
private final class OneByOne: TaskExecutor {
    private let queue = DispatchQueue(label: "test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
