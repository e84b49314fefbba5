import Synchronization

/// Work that is done one piece after the other, in the order in which it was asked for.
final class TaskLine: Sendable {
    private let last = Mutex<Task<Void, Never>?>(nil)

    /// Does the work when all that was asked for before is done.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
        let task = last.withLock { last in
            let before = last
            let task = Task {
                await before?.value
                return await work()
            }
            last = Task { _ = await task.value }
            return task
        }
        return await task.value
    }
}
