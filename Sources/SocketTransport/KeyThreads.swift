import CLinux
import Dispatch
import GatewayTLS
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Threads that use private keys for event loops, where that takes so long that what is open would have to wait.
///
/// They begin with the first use, and give way to the event loops: on a machine that has its hands full, handshakes wait
/// rather than messages. Each handshake has one use under way at most, so the handshakes' bound is that of the line too.
final class KeyThreads: Sendable {
    /// A thread of that niceness has half the weight of an event loop's.
    private static let niceness: CInt = 3

    private let line: Line

    /// - Parameter count: how many there are at most; at least 1.
    init(count: Int) { line = Line(limit: max(1, count)) }

    deinit { line.end() }

    /// Carries out an operation, and calls `completion` on the loop afterwards. Those asked for first come first.
    func carryOut(
        _ operation: TLSKeyOperation, on loop: SocketEventLoop, completion: @escaping @Sendable () -> Void
    ) {
        line.add(Job(operation: operation, loop: loop, completion: completion))
    }

    private struct Job: Sendable {
        let operation: TLSKeyOperation
        let loop: SocketEventLoop
        let completion: @Sendable () -> Void

        func carryOut() {
            operation.carryOut()
            loop.execute(completion)
        }
    }

    /// What the threads share. They keep it, and not the object that ends them.
    private final class Line: Sendable {
        private struct State {
            var jobs = CircularBuffer<Job>()
            var threads = 0
            var hasEnded = false
        }

        private let limit: Int
        private let state = Mutex(State())
        /// One for each job, and for each thread at the end.
        private let news = DispatchSemaphore(value: 0)

        init(limit: Int) { self.limit = limit }

        func add(_ job: Job) {
            let needsThread = state.withLock { state in
                state.jobs.append(job)
                guard state.threads < limit else { return false }
                state.threads += 1
                return true
            }
            news.signal()
            guard needsThread, !startThread() else { return }
            let isAlone = state.withLock { state in
                state.threads -= 1
                return state.threads == 0
            }
            // The system gives no thread: the loop does it itself.
            if isAlone, let job = state.withLock({ $0.jobs.popFirst() }) { job.carryOut() }
        }

        func end() {
            let threads = state.withLock { state in
                state.hasEnded = true
                state.jobs.removeAll()
                return state.threads
            }
            for _ in 0..<threads { news.signal() }
        }

        private func startThread() -> Bool {
            let this = Unmanaged.passRetained(self)
            var started = pthread_t()
            let status = pthread_create(
                &started, nil,
                { argument in
                    guard let argument else { return nil }
                    let line = Unmanaged<Line>.fromOpaque(argument).takeRetainedValue()
                    name_this_thread("tls-keys")
                    make_this_thread_nice(KeyThreads.niceness)
                    line.work()
                    return nil
                }, this.toOpaque())
            guard status == 0 else {
                this.release()
                return false
            }
            pthread_detach(started)
            return true
        }

        private func work() {
            while true {
                news.wait()
                let (job, hasEnded) = state.withLock { ($0.jobs.popFirst(), $0.hasEnded) }
                job?.carryOut()
                if hasEnded { return }
            }
        }
    }
}
