import ArgumentParser
import Dispatch
import Gateway
import GatewayCommands

@main
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "A WebSocket gateway that reads the frames it relays.",
        discussion: """
            Examples:
              sluice demo
              sluice check sluice.yaml
              sluice config print sluice.yaml
              sluice run sluice.yaml
              sluice top

            Some commands talk to a running gateway. They find it by --admin, the admin section of a configuration file, \
            SLUICE_ADMIN or \(ConfigurationOption.defaultPath), in this order.

            Exit codes: 0: the command succeeded. 1: the configuration was refused. 2: the usage was wrong. 3: the \
            gateway could not bind an address or start, or no gateway answered.

            README.md and docs of the source explain more. sluice --generate-completion-script bash prints completions \
            for a shell.
            """,
        version: "sluice \(Gateway.version)",
        subcommands: [
            Run.self, Check.self, Config.self, Stats.self, Top.self, Connections.self, Close.self, Reload.self,
            Drain.self,
            Demo.self,
            Version.self,
        ])

    /// The main thread only waits. Were this function async, it would become dispatch's signal thread, which valgrind
    /// can't run, and instruction counts come from valgrind.
    static func main() {
        do {
            try ProcessFiles.check()
            FileDescriptorLimit.raise()
            try FileDescriptorLimit.check(FileDescriptorLimit.neededByAnyCommand)
        } catch {
            StandardError.print("error: \(error)")
            exitProcess(Exit.couldNotStart.rawValue)
        }
        _ = StartedBy.systemdSockets
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            await runCommand()
            done.signal()
        }
        done.wait()
    }

    private static func runCommand() async {
        let commands = configuration.subcommands.map { $0._commandName } + ["help"]
        if let word = CommandLine.arguments.dropFirst().first,
            let mistake = UsageHint.unknownCommand(word, among: commands)
        {
            StandardError.print(
                "error: \(mistake)\nUsage: sluice <command>\n  See 'sluice --help' for more information.")
            exitProcess(Exit.usage.rawValue)
        }
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            exitProcess(code.rawValue)
        } catch {
            let isHelp = exitCode(for: error) == .success
            let text = fullMessage(for: error)
            if isHelp { StandardOutput.print(text) } else { StandardError.print(UsageHint.rephrased(text)) }
            exitProcess(isHelp ? 0 : Exit.usage.rawValue)
        }
    }
}

/// What the program says with its exit code.
enum Exit {
    static let configurationRefused = ExitCode(1)
    static let usage = ExitCode(2)
    static let couldNotStart = ExitCode(3)
    /// No running gateway did what it was asked for.
    static let notReached = ExitCode(3)
    /// `stats --health`: the gateway is not ready, or does not answer.
    static let notReady = ExitCode(1)
}
