import ArgumentParser
import Gateway
import GatewayConfig
import Logging

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway in the foreground.",
        discussion: """
            Logs to standard error. SIGHUP reads the configuration again. SIGTERM and SIGINT drain: every connection gets \
            a Close between two messages, then the program exits with 0; one more signal, half a second later or more, \
            exits at once.
            """)

    @OptionGroup var file: ConfigurationOption

    func run() async throws {
        try await Foreground.run(try file.load(), file: file.reloadable)
    }
}
