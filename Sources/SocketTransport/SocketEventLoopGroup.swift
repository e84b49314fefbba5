import Dispatch
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Some event loops on epoll, each with a thread of its own.
public final class SocketEventLoopGroup: EventLoopGroup, Sendable {
    public let loops: [SocketEventLoop]
    private let turn = Atomic<Int>(0)

    /// Starts the loops.
    ///
    /// - Parameter count: at least 1.
    /// - Throws: `IOError`, when the process has no file descriptor left, or may have no more threads. No loop runs then.
    public convenience init(loops count: Int) throws {
        try self.init(loops: count) { loop, name in try loop.start(named: name) }
    }

    /// - Parameter start: starts a loop's thread, which gets this name.
    init(loops count: Int, start: (SocketEventLoop, String) throws -> Void) throws {
        // A peer that has gone is learned of by the result of a write, not by the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // Where there is nothing else to do, handshakes are to get all cores.
        let keyThreads = KeyThreads(count: max(1, count))
        loops = try (0..<max(1, count)).map { _ in try SocketEventLoop(keyThreads: keyThreads) }
        for (number, loop) in loops.enumerated() {
            do {
                try start(loop, "loop-\(number)")
            } catch {
                Self.end(loops[..<number])
                throw error
            }
        }
    }

    /// Ends loops, and returns when each has ended.
    private static func end(_ loops: some Sequence<SocketEventLoop>) {
        let group = DispatchGroup()
        for loop in loops {
            group.enter()
            loop.end { group.leave() }
        }
        group.wait()
    }

    /// Each of them in turn.
    public func next() -> any EventLoop {
        let number = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(UInt(bitPattern: number) % UInt(loops.count))]
    }

    public func any() -> any EventLoop { loops.first { $0.inEventLoop } ?? loops[0] }
    public func makeIterator() -> EventLoopIterator { EventLoopIterator(loops) }

    public func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        let group = DispatchGroup()
        for loop in loops {
            group.enter()
            loop.end { group.leave() }
        }
        group.notify(queue: queue) { callback(nil) }
    }
}
