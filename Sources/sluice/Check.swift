import ArgumentParser
import GatewayConfig

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate a configuration file without opening a port.",
        discussion: """
            Reads the file and everything it names: certificates, keys, patterns, references. Prints the routes and \
            exits with 0, or prints every error, one a line, and exits with 1. Warnings change nothing about that.
            """)

    @OptionGroup var file: ConfigurationOption

    func run() throws {
        let configuration = try file.load()
        for warning in configuration.warnings { StandardError.print("\(warning)") }
        StandardOutput.print(summary(of: configuration))
    }
}
