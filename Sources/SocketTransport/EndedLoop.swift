import Dispatch
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The loop of futures that have failed because the event loop that was asked has ended.
///
/// A future tells whoever asks on its loop's thread alone, and an event loop that has ended has none: `get` would wait for
/// ever. This one has no thread of its own either. What it is given runs at once, on the thread of whoever gives it, one
/// thing after the other. It keeps no time: nothing is ever scheduled on it.
final class EndedLoop: EventLoop, @unchecked Sendable {
    static let shared = EndedLoop()

    private struct Line {
        var tasks = CircularBuffer<() -> Void>()
        /// A thread works them off.
        var isServed = false
    }

    private let line = Mutex(Line())
    private let thread = Atomic<UInt>(0)

    var inEventLoop: Bool { thread.load(ordering: .acquiring) == UInt(pthread_self()) }

    func execute(_ task: @escaping @Sendable () -> Void) {
        let serves = line.withLock { line in
            line.tasks.append(task)
            defer { line.isServed = true }
            return !line.isServed
        }
        guard serves else { return }
        thread.store(UInt(pthread_self()), ordering: .releasing)
        while let task = takeTask() { task() }
    }

    private func takeTask() -> (() -> Void)? {
        line.withLock { line in
            if let task = line.tasks.popFirst() { return task }
            // Before another thread can begin to serve.
            thread.store(0, ordering: .releasing)
            line.isServed = false
            return nil
        }
    }

    func submit<T>(_ task: @escaping @Sendable () throws -> T) -> EventLoopFuture<T> { refused() }

    func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        refusedTask()
    }

    func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        refusedTask()
    }

    /// A future that has failed.
    func refused<T>() -> EventLoopFuture<T> { makeFailedFuture(EventLoopError.shutdown) }

    /// A task that will never run.
    func refusedTask<T>() -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        promise.fail(EventLoopError.shutdown)
        return Scheduled(promise: promise) {}
    }

    // MARK: EventLoopGroup

    func next() -> any EventLoop { self }
    func any() -> any EventLoop { self }
    func makeIterator() -> EventLoopIterator { EventLoopIterator([self]) }

    func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, "not on the event loop's thread", file: file, line: line)
    }

    func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "on the event loop's thread", file: file, line: line)
    }

    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(EventLoopError.unsupportedOperation) }
    }
}
