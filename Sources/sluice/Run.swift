import ArgumentParser
import Gateway
import GatewayConfig
import Logging

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway in the foreground.",
        usage: "sluice run [--config] <file> [--watch] [--takeover]",
        discussion: """
            Logs to standard error. SIGTERM and SIGINT drain: every connection gets a Close between two messages, then \
            the program exits with 0; one more signal, half a second later or more, exits at once. SIGHUP reads the \
            configuration file again.
            """)

    @OptionGroup var file: ConfigurationOption

    @Flag(help: "Reload when the configuration file changes, or a file that it names.")
    var watch = false

    @Flag(
        help: "Take the listening sockets from the running gateway, by way of admin.takeover_socket, which then drains."
    )
    var takeover = false

    func validate() throws {
        try file.requirePath()
    }

    func run() async throws {
        let configuration = try file.load()
        let logger = StandardErrorLog.logger(configuration.log)
        for warning in configuration.warnings {
            logger.warning(
                "configuration warning", metadata: ["place": "\(warning.place)", "reason": "\(warning.message)"])
        }
        try await Foreground.run(configuration, logger: logger, watch: watch, takeover: takeover)
    }
}
