import GatewayConfig
import GatewayTelemetry
import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Who is told what becomes of a process.
protocol CommandProcessDelegate: AnyObject {
    /// The command itself has ended.
    func exited(_ exit: CommandExit)
    /// Nothing of its process group is left.
    func processIsGone()
}

/// The process of one WebSocket and all that it starts, from its start to the last of its group. On one event loop.
final class CommandProcess {
    /// How long a command has to end of its own accord once its input has ended, before it is sent SIGTERM.
    static let graceForEndOfInput = TimeAmount.milliseconds(250)
    /// How often it is looked whether the rest of a group has ended.
    private static let lookInterval = TimeAmount.milliseconds(100)

    private enum State {
        case new
        case starting
        case running(pid_t)
        /// The command has ended, and others of its group run.
        case leftGroup(pid_t)
        case gone
    }

    let command: Command
    weak var delegate: (any CommandProcessDelegate)?
    private let loop: LoopContext
    private let counters: RouteCounters
    private let logger: Logger
    private var state = State.new
    private var isEnding = false
    private var isTerminated = false
    private var isKilled = false
    private var timer: Scheduled<Void>?
    private var whenGone: [() -> Void] = []

    init(_ command: Command, route: LiveRoute, loop: LoopContext, logger: Logger) {
        self.command = command
        self.loop = loop
        self.logger = logger
        counters = loop.counters(of: route)
    }

    /// - Parameter started: called once it runs, or can't be started. The command's ends of the pipes are closed then.
    func start(
        environment: [[UInt8]], pipes: CommandPipes, started: @escaping (Result<Void, CommandStartFailure>) -> Void
    ) {
        state = .starting
        let launch = CommandLaunch(configuration: command.configuration, environment: environment)
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let started = NIOLoopBound(started, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let commands = loop.process.commands
        let killAfter = command.configuration.killAfter
        Task {
            do throws(CommandStartFailure) {
                let exit = try await launch.run(pipes) { pid in
                    let end: @Sendable () -> Void = { eventLoop.execute { this.value.end() } }
                    commands.add(pid, killAfter: killAfter, end: end)
                    eventLoop.execute { this.value.runs(pid, started.value) }
                }
                eventLoop.execute { this.value.ended(exit) }
            } catch {
                eventLoop.execute { this.value.failed(error, started.value) }
            }
        }
    }

    /// Its client has gone, or the gateway goes: ends it and all that it has started, with SIGTERM once it has had the
    /// time to notice the end of its input, and with SIGKILL `kill_after` later.
    func end() {
        guard !isEnding else { return }
        isEnding = true
        if case .running = state { after(Self.graceForEndOfInput) { $0.terminate() } }
    }

    /// Calls this once nothing of it is left; at once if that is so.
    func whenGone(_ action: @escaping () -> Void) {
        switch state {
        case .new, .gone: action()
        case .starting, .running, .leftGroup: whenGone.append(action)
        }
    }

    private func runs(_ pid: pid_t, _ started: (Result<Void, CommandStartFailure>) -> Void) {
        state = .running(pid)
        counters.commandsStarted.add()
        counters.commandsRunning.add(1)
        logger.debug("command started", metadata: ["process": .stringConvertible(pid)])
        started(.success(()))
        // Whoever waited for it has gone meanwhile.
        if isEnding { terminate() }
    }

    private func failed(_ failure: CommandStartFailure, _ started: (Result<Void, CommandStartFailure>) -> Void) {
        if case .running(let pid) = state {
            logger.error(
                "gateway lost track of a command",
                metadata: ["process": .stringConvertible(pid), "reason": "\(failure.reason)"])
            return ended(.unknown)
        }
        counters.commandsFailed.add()
        logger.warning("command could not be started", metadata: ["reason": "\(failure.reason)"])
        started(.failure(failure))
        isGone()
    }

    private func ended(_ exit: CommandExit) {
        guard case .running(let pid) = state else { return }
        state = .leftGroup(pid)
        if !isEnding, exit != .status(0) {
            counters.commandsFailed.add()
            logger.warning("command failed", metadata: ["process": .stringConvertible(pid), "reason": "\(exit)"])
        } else {
            logger.debug("command ended", metadata: ["process": .stringConvertible(pid), "reason": "\(exit)"])
        }
        isEnding = true
        delegate?.exited(exit)
        timer?.cancel()
        guard groupIsLeft(pid) else { return isGone() }
        terminate()
        watchGroup(pid)
    }

    private var group: pid_t? {
        switch state {
        case .running(let pid), .leftGroup(let pid): pid
        case .new, .starting, .gone: nil
        }
    }

    private func terminate() {
        guard let group, !isTerminated else { return }
        isTerminated = true
        kill(-group, SIGTERM)
        after(TimeAmount(command.configuration.killAfter)) { $0.killGroup() }
    }

    private func killGroup() {
        guard let group else { return }
        isKilled = true
        kill(-group, SIGKILL)
    }

    /// Whether a process of the group runs; those that have ended and are this process's to bury are buried. As long as
    /// one is left, no other process gets the group's number.
    private func groupIsLeft(_ group: pid_t) -> Bool {
        var status = siginfo_t()
        // Where the gateway is process 1 of a container, all orphans are its children.
        while waitid(P_PGID, id_t(group), &status, WEXITED | WNOHANG) == 0, status.si_signo == SIGCHLD {
            status = siginfo_t()
        }
        return kill(-group, 0) == 0 || errno == EPERM
    }

    private func watchGroup(_ group: pid_t) {
        let this = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: Self.lookInterval) {
            // What was killed and is still there waits for its parent, which is none of the gateway's.
            if this.value.groupIsLeft(group), !this.value.isKilled {
                this.value.watchGroup(group)
            } else {
                this.value.isGone()
            }
        }
    }

    private func isGone() {
        if let group {
            counters.commandsRunning.add(-1)
            loop.process.commands.remove(group)
        }
        state = .gone
        timer?.cancel()
        delegate?.processIsGone()
        for action in whenGone { action() }
        whenGone = []
    }

    private func after(_ time: TimeAmount, _ action: @escaping (CommandProcess) -> Void) {
        timer?.cancel()
        let this = NIOLoopBound((process: self, action: action), eventLoop: loop.eventLoop)
        timer = loop.eventLoop.scheduleTask(in: time) { this.value.action(this.value.process) }
    }
}
