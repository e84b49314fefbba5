import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The commands of the whole process that run, so that none is left behind when it ends.
public final class RunningCommands: Sendable {
    fileprivate struct State {
        var groups: [pid_t: (killAfter: Duration, end: @Sendable () -> Void)] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// What a system may take beyond `kill_after`, until it has buried a group.
    private static let leeway = Duration.seconds(1)

    private let state = Mutex(State())

    /// - Parameters:
    ///   - group: the number of the process group.
    ///   - end: begins its end. Any thread.
    func add(_ group: pid_t, killAfter: Duration, end: @escaping @Sendable () -> Void) {
        state.withLock { $0.groups[group] = (killAfter, end) }
    }

    func remove(_ group: pid_t) {
        let done = state.withLock { state in
            state.groups[group] = nil
            return state.groups.isEmpty ? state.takeWaiting() : []
        }
        for continuation in done { continuation.resume() }
    }

    /// Ends every command as its configuration says, and returns when the last one is gone. The event loops still run.
    func endAll() async {
        let groups = state.withLock { Array($0.groups.values) }
        guard let longest = groups.map(\.killAfter).max() else { return }
        for group in groups { group.end() }
        let grace = Duration.nanoseconds(CommandProcess.graceForEndOfInput.nanoseconds)
        let timeout = Task {
            try? await Task.sleep(for: grace + longest + Self.leeway)
            for continuation in state.withLock({ $0.takeWaiting() }) { continuation.resume() }
        }
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.groups.isEmpty { state.waiting.append(continuation) }
                return state.groups.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
        timeout.cancel()
        killAll()
    }

    /// Ends every command at once. Any thread.
    public func killAll() {
        state.withLock { state in
            for group in state.groups.keys { kill(-group, SIGKILL) }
        }
    }
}

extension RunningCommands.State {
    fileprivate mutating func takeWaiting() -> [CheckedContinuation<Void, Never>] {
        defer { waiting = [] }
        return waiting
    }
}
