import GatewayConfig
import NIOCore
import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How a command came to its end.
enum CommandExit: Equatable, Sendable, CustomStringConvertible {
    case status(CInt)
    case signal(CInt)
    /// Nobody knows: the system would not say.
    case unknown

    /// As a Close says it to the client.
    var description: String {
        switch self {
        case .status(let status): "the command ended with status \(status)"
        case .signal(let signal): "signal \(signal) ended the command"
        case .unknown: "the gateway lost track of the command"
        }
    }
}

/// Why a command could not be started.
struct CommandStartFailure: Error, Sendable {
    /// One line, for the log.
    let reason: String
    /// Whether this machine is short of something.
    let isLackOfResources: Bool
}

/// One start of a command, by swift-subprocess. It is the leader of a session and of a process group of its own, so that
/// what it starts can be ended with it, and gets no descriptor but the three pipes.
struct CommandLaunch: Sendable {
    let configuration: CommandConfiguration
    /// Each `NAME=value`.
    let environment: [[UInt8]]

    /// Starts it, and returns when it has ended and nothing of it is left in the process table.
    ///
    /// The ends of the pipes that are the command's are closed here.
    ///
    /// - Parameter started: called with its number once it runs.
    /// - Throws: `CommandStartFailure`.
    func run(
        _ pipes: CommandPipes, started: @escaping @Sendable (pid_t) -> Void
    ) async throws(CommandStartFailure) -> CommandExit {
        let command = Configuration(
            executable: .path(FilePath(program)), arguments: arguments,
            // Where the bytes end, an entry of bytes has to say itself.
            environment: .custom(environment.map { $0 + [0] }),
            workingDirectory: FilePath(configuration.directory), platformOptions: options)
        do {
            let result = try await Subprocess.run(
                command,
                input: .fileDescriptor(FileDescriptor(rawValue: pipes.input.read), closeAfterSpawningProcess: true),
                output: .fileDescriptor(FileDescriptor(rawValue: pipes.output.write), closeAfterSpawningProcess: true),
                error: .fileDescriptor(FileDescriptor(rawValue: pipes.errors.write), closeAfterSpawningProcess: true)
            ) { execution in started(execution.processIdentifier.value) }
            switch result.terminationStatus {
            case .exited(let status): return .status(status)
            case .signaled(let signal): return .signal(signal)
            }
        } catch let error as SubprocessError {
            throw failure(error)
        } catch {
            throw CommandStartFailure(reason: "\(error)", isLackOfResources: false)
        }
    }

    private var options: PlatformOptions {
        var options = PlatformOptions()
        options.createSession = true
        return options
    }

    // MARK: Another account

    /// What takes another user and group before it becomes the program.
    ///
    /// Between fork and exec a process with threads can't do that safely: glibc's `setgroups` waits there for threads that
    /// the child does not have, and where one was just being created it waits for ever. swift-subprocess does so, and so is
    /// given no account. `setpriv` is a process of one thread.
    private static let setpriv = "/usr/bin/setpriv"

    private var changesAccount: Bool {
        let account = configuration.account
        guard account.user != nil || account.group != nil else { return false }
        // Only root may change them, be it to what they are.
        return geteuid() == 0 || account.user ?? geteuid() != geteuid() || account.group ?? getegid() != getegid()
    }

    private var program: String { changesAccount ? Self.setpriv : configuration.program }

    private var arguments: Arguments {
        guard changesAccount else {
            return Arguments(
                executablePathOverride: configuration.run.first, remainingValues: Array(configuration.run.dropFirst()))
        }
        let account = configuration.account
        var values: [String] = []
        if let user = account.user { values += ["--reuid", "\(user)"] }
        if let group = account.group { values += ["--regid", "\(group)"] }
        switch account.groups {
        case nil: values.append("--keep-groups")
        case []?: values.append("--clear-groups")
        case let groups?: values += ["--groups", groups.map { "\($0)" }.joined(separator: ",")]
        }
        return Arguments(values + ["--", configuration.program] + configuration.run.dropFirst())
    }

    private func failure(_ error: SubprocessError) -> CommandStartFailure {
        let code = error.underlyingError?.rawValue
        let words = code.map(SystemErrorText.words)
        let reason =
            switch error.code {
            case .executableNotFound where changesAccount:
                "user and group need \(Self.setpriv) of util-linux, and the system can't find or execute it"
            case .executableNotFound: "the system can't find or execute the program"
            case .failedToChangeWorkingDirectory: "the system can't enter its directory: \(words ?? "")"
            default: words.map { "the system refused to start it: \($0)" } ?? "\(error)"
            }
        let shortages = [EMFILE, ENFILE, ENOMEM, EAGAIN]
        return CommandStartFailure(reason: reason, isLackOfResources: code.map(shortages.contains) ?? false)
    }
}
