import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A takeover that has begun: the sockets are here, and the old process still accepts on them as well.
///
/// One that is let go without `ready()` is abandoned.
public final class Takeover: Sendable {
    /// As the running gateway named them. Their descriptors are this object's until they are claimed.
    public let sockets: [TakeoverSocket]

    private struct State {
        var unclaimed: [TakeoverSocket]
    }

    private let state: Mutex<State>
    private let connection: TakeoverConnection
    private let thread: BlockingThread
    private let times: TakeoverTimes

    init(sockets: [TakeoverSocket], connection: TakeoverConnection, thread: BlockingThread, times: TakeoverTimes) {
        self.sockets = sockets
        state = Mutex(State(unclaimed: sockets))
        self.connection = connection
        self.thread = thread
        self.times = times
    }

    deinit { abandon() }

    /// The descriptors of one of `sockets`, from now on the caller's to close: what
    /// `ListeningDescriptors(adopting:)` wants. Empty when they have been claimed before.
    public func claim(_ socket: TakeoverSocket) -> [CInt] {
        state.withLock { state in
            guard let index = state.unclaimed.firstIndex(of: socket) else { return [] }
            return state.unclaimed.remove(at: index).descriptors
        }
    }

    /// Tells the old process that this one accepts connections; returns when the old one no longer does. From then on
    /// the takeover socket is this process's to make. Sockets that nobody has claimed are closed.
    ///
    /// - Throws: `TakeoverError` when the old one goes on, since it took too long, or does not say within 30 seconds
    ///   that it has stopped: then this process should end. That the old one has died is no error.
    public func ready() async throws {
        closeUnclaimed()
        let (connection, times) = (connection, times)
        try await thread.run {
            defer { connection.close() }
            let deadline = ContinuousClock.now + times.ended
            let ready = try TakeoverMessage.line(TakeoverMessage.Ready(ready: true))
            let line: [UInt8]?
            do {
                line = try connection.ask(ready, by: deadline)
            } catch let error as IOError {
                throw TakeoverError(description: "the connection to the previous gateway failed: \(error)")
            }
            guard let line else { return }
            let message = try TakeoverMessage.read(TakeoverMessage.Ended.self, from: line)
            guard message.ended else {
                throw TakeoverError(description: "the previous gateway did not stop, and still serves clients")
            }
        }
    }

    /// Leaves everything to the old process: closes the connection, and the sockets that nobody has claimed.
    public func abandon() {
        closeUnclaimed()
        connection.close()
    }

    private func closeUnclaimed() {
        let unclaimed = state.withLock { state in
            defer { state.unclaimed = [] }
            return state.unclaimed
        }
        for descriptor in unclaimed.flatMap(\.descriptors) { close(descriptor) }
    }
}
