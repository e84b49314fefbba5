import CLinux
import Dispatch
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An event loop on epoll, with a thread of its own.
///
/// In one turn it runs what is due, waits until sockets are ready, and serves each of them once: first those that have
/// precedence, then for a moment the others and TLS handshakes. All sockets of a loop share one buffer for reading.
public final class SocketEventLoop: EventLoop, @unchecked Sendable {
    /// What other threads want done, and whether the loop still takes anything.
    private struct Inbox {
        var tasks: [() -> Void] = []
        var isOpen = true
        /// The loop has been woken for these tasks.
        var isWoken = false
    }

    private let inbox = Mutex(Inbox())
    private let thread = Atomic<UInt>(0)

    // Touched by the thread of the loop alone.
    let poller: Poller
    let calls: SocketCalls
    let buffers = LoopBuffers()
    private let waker: Waker
    private var tasks: [() -> Void] = []
    private var timers = LoopTimers()
    private var mustEnd = false
    let deferred = DeferredEvents()
    let handshakes = TLSHandshakes()
    /// Descriptors that are kept for clients.
    public internal(set) var reserve = DescriptorReserve.ofProcess()
    /// Where private keys are used that take long.
    let keyThreads: KeyThreads
    /// So long a broken socket waits until somebody reads what its peer has sent before, and goes on with it.
    var patienceForReaders = TimeAmount.seconds(10)
    /// When the loop last learned which sockets are ready.
    private(set) var turnTime = NIODeadline.now()

    /// - Throws: `IOError`, when the process has no file descriptor left.
    init(calls: SocketCalls = SocketCalls(), keyThreads: KeyThreads = KeyThreads(count: 1)) throws {
        self.calls = calls
        self.keyThreads = keyThreads
        poller = try Poller()
        let flags = CInt(EFD_CLOEXEC | EFD_NONBLOCK)
        waker = Waker(descriptor: try SystemCall.check(eventfd(0, flags), "eventfd"))
        try poller.add(waker, waker.descriptor, for: .readable)
    }

    /// Starts the thread, which runs until `end` is called.
    func start(named name: String) throws {
        let box = Unmanaged.passRetained(Thread(loop: self, name: name))
        var started = pthread_t()
        let status = pthread_create(
            &started, nil,
            { argument in
                guard let argument else { return nil }
                let thread = Unmanaged<Thread>.fromOpaque(argument).takeRetainedValue()
                name_this_thread(thread.name)
                thread.loop.run()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw IOError(errnoCode: status, reason: "pthread_create")
        }
        pthread_detach(started)
    }

    private final class Thread {
        let loop: SocketEventLoop
        let name: String

        init(loop: SocketEventLoop, name: String) {
            self.loop = loop
            self.name = name
        }
    }

    // MARK: Turns

    private func run() {
        begin()
        while turn() {}
        windUp()
    }

    /// Makes the calling thread that of the loop. Tests drive a loop turn by turn on a thread of their own.
    func begin() { thread.store(UInt(pthread_self()), ordering: .releasing) }

    /// One turn.
    ///
    /// - Parameter limit: milliseconds that it waits at most; nil: until something is due or ready.
    /// - Returns: false: the loop is to end.
    func turn(limit: CInt? = nil) -> Bool {
        runDue()
        if mustEnd { return false }
        var wait = timeout
        if let limit { wait = wait < 0 ? limit : min(wait, limit) }
        let count = poller.wait(timeout: wait)
        turnTime = .now()
        for number in 0..<count { poller.tell(number) }
        serveNewcomers()
        return true
    }

    /// What connections that begin or end, requests and TLS handshakes have of a turn, while there are more than fit. A
    /// message to another socket waits no longer than that, and one step.
    private static let newcomersTime = TimeAmount.milliseconds(1)
    private static let halfOfThat = TimeAmount.microseconds(500)

    private func serveNewcomers() {
        guard !deferred.isEmpty || handshakes.areDue else { return }
        let begin = NIODeadline.now()
        deferred.serve(
            until: begin + (handshakes.areDue ? Self.halfOfThat : Self.newcomersTime), watchedBy: poller)
        handshakes.takeTurns(until: begin + Self.newcomersTime)
    }

    /// Has an event wait until the sockets with precedence have been served.
    func deferEvents(_ events: PollEvents, of watched: PolledDescriptor, _ descriptor: CInt) {
        deferred.add(events, of: watched, descriptor, at: turnTime)
    }

    /// Runs the timers that are due and the tasks that are there; those that come meanwhile wait for the next turn.
    ///
    /// A timer is due when its time had come before the loop last asked which sockets are ready, and before whatever waits
    /// to be served had come. A turn that took long would otherwise end a wait for something that has come meanwhile.
    private func runDue() {
        let newest = timers.newest
        let time = deferred.isEmpty ? turnTime : deferred.oldest ?? turnTime
        while let work = timers.takeDue(now: time, newest: newest) { work() }
        takeInbox()
        guard !tasks.isEmpty else { return }
        var due: [() -> Void] = []
        swap(&due, &tasks)
        for task in due { task() }
        // The memory is used again, unless a crowd of tasks has made it large.
        if tasks.isEmpty, due.capacity <= 1024 {
            due.removeAll(keepingCapacity: true)
            swap(&due, &tasks)
        }
    }

    private func takeInbox() {
        guard waker.isWoken else { return }
        waker.isWoken = false
        inbox.withLock { inbox in
            inbox.isWoken = false
            tasks += inbox.tasks
            inbox.tasks = []
        }
    }

    /// Milliseconds until something is due, rounded up.
    private var timeout: CInt {
        guard tasks.isEmpty, deferred.isEmpty, !handshakes.areDue else { return 0 }
        guard let next = timers.next() else { return -1 }
        let left = (next - .now()).nanoseconds
        return left <= 0 ? 0 : CInt(clamping: (left + 999_999) / 1_000_000)
    }

    /// Ends whatever is left. What is asked for from now on is refused.
    func windUp() {
        // What the ends of the sockets have caused may cause more, and open others, but not for ever.
        for _ in 0..<1000 {
            closeSockets()
            waker.isWoken = true
            takeInbox()
            let due = tasks
            tasks = []
            for task in due { task() }
            for fail in timers.takeFailures() { fail(EventLoopError.shutdown) }
            if tasks.isEmpty, timers.count == 0, poller.count == 1, closeInbox(evenIfFull: false) { break }
        }
        closeSockets()
        // They keep the loop, which would keep them for ever.
        handshakes.removeTurns()
        deferred.removeAll()
        _ = closeInbox(evenIfFull: true)
        poller.remove(waker, waker.descriptor)
        for callback in ended { callback() }
        ended = []
    }

    private func closeSockets() {
        for case let socket as any ClosedWithLoop in poller.everything { socket.closeWithLoop() }
    }

    /// Takes nothing more. The thread is then the loop's no longer, as the system may give its number to another.
    ///
    /// - Returns: false: there is something that was taken and not done.
    private func closeInbox(evenIfFull: Bool) -> Bool {
        inbox.withLock { inbox in
            guard inbox.tasks.isEmpty || evenIfFull else { return false }
            if inbox.isOpen { thread.store(0, ordering: .releasing) }
            inbox.isOpen = false
            return true
        }
    }

    /// Called on the loop's thread when it has ended.
    private var ended: [() -> Void] = []

    /// Has the loop end, and calls back when it has; at once, when that was before.
    func end(_ callback: @escaping @Sendable () -> Void) {
        let isTaken = enqueue {
            self.ended.append(callback)
            self.mustEnd = true
        }
        if !isTaken { callback() }
    }

    // MARK: Tasks

    public var inEventLoop: Bool { thread.load(ordering: .acquiring) == UInt(pthread_self()) }

    /// Once the loop has ended, the task is dropped.
    public func execute(_ task: @escaping @Sendable () -> Void) { _ = enqueue(task) }

    /// - Returns: false: the loop has ended, and the task is not run.
    private func enqueue(_ task: @escaping @Sendable () -> Void) -> Bool {
        if inEventLoop {
            _executeIsolatedUnsafeUnchecked(task)
            return true
        }
        let (isTaken, wakes) = inbox.withLock { inbox in
            guard inbox.isOpen else { return (false, false) }
            inbox.tasks.append(task)
            defer { inbox.isWoken = true }
            return (true, !inbox.isWoken)
        }
        if wakes { waker.wake() }
        return isTaken
    }

    /// Fails a promise that nobody else knows yet, after the end of the loop. A promise is completed on its loop's thread
    /// alone, and this loop has none any more.
    private func refuse<T>(_ promise: EventLoopPromise<T>) {
        inbox.withLock { _ in
            thread.store(UInt(pthread_self()), ordering: .releasing)
            promise.fail(EventLoopError.shutdown)
            thread.store(0, ordering: .releasing)
        }
    }

    public func _executeIsolatedUnsafeUnchecked(_ task: @escaping () -> Void) { tasks.append(task) }

    public func submit<T>(_ task: @escaping @Sendable () throws -> T) -> EventLoopFuture<T> {
        let promise = makePromise(of: T.self)
        let isTaken = enqueue {
            do { promise.assumeIsolated().succeed(try task()) } catch { promise.fail(error) }
        }
        guard !isTaken else { return promise.futureResult }
        refuse(promise)
        return EndedLoop.shared.refused()
    }

    @discardableResult
    public func scheduleTask<T>(
        deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T
    ) -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        let timer = LoopTimer(deadline: deadline) {
            do { promise.assumeIsolated().succeed(try task()) } catch { promise.fail(error) }
        } fail: {
            promise.fail($0)
        }
        let bound = UncheckedTimer(timer)
        if inEventLoop {
            timers.add(timer)
        } else if !enqueue({ self.timers.add(bound.timer) }) {
            refuse(promise)
            return EndedLoop.shared.refusedTask()
        }
        return Scheduled(promise: promise) {
            if self.inEventLoop { self.cancel(bound) } else { self.execute { self.cancel(bound) } }
        }
    }

    @discardableResult
    public func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        scheduleTask(deadline: .now() + delay, task)
    }

    private func cancel(_ bound: UncheckedTimer) {
        let held = timers.cancel(bound.timer)
        withExtendedLifetime(held) {}
    }

    /// Used on the thread of the loop alone.
    private struct UncheckedTimer: @unchecked Sendable {
        let timer: LoopTimer
        init(_ timer: LoopTimer) { self.timer = timer }
    }

    // Both are what `EventLoop` asks for: mistakes of this program, which nothing from outside can cause.

    public func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, "not on the event loop's thread", file: file, line: line)
    }

    public func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "on the event loop's thread", file: file, line: line)
    }

    // MARK: EventLoopGroup

    public func next() -> any EventLoop { self }
    public func any() -> any EventLoop { self }
    public func makeIterator() -> EventLoopIterator { EventLoopIterator([self]) }

    /// One loop of a group does not end by itself.
    public func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(EventLoopError.unsupportedOperation) }
    }
}

/// What an event loop closes when it ends.
protocol ClosedWithLoop {
    func closeWithLoop()
}
