import ArgumentParser
import GatewayConfig

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate a configuration file without opening a port.",
        usage: "sluice check [--config] <file> [--diff [--admin <address>] [--token-file <file>]]",
        discussion: """
            Reads the file and everything it names: certificates, keys, patterns, references. Prints the routes and \
            exits with 0, or prints every error, one a line, and exits with 1. Warnings change nothing about that.

            With --diff it asks the running gateway instead what a reload would change, and prints that.
            """)

    @OptionGroup var file: ConfigurationOption

    @Flag(help: "Print what a reload would change in the running gateway.")
    var diff = false

    @OptionGroup var admin: AdminOption

    func validate() throws {
        try file.requirePath()
        guard diff || !admin.isGiven else {
            throw ValidationError("--admin and --token-file go with --diff: nothing else asks the gateway")
        }
    }

    func run() async throws {
        let configuration = try file.load()
        for warning in configuration.warnings { StandardError.print("\(warning)") }
        guard diff else { return StandardOutput.print(summary(of: configuration)) }
        let path = file.path ?? ""
        let conversation = try AdminConversation(admin.target(configuration, path: path, signal: ""))
        let answer = try await conversation.ask("GET", "/reload", expecting: [200, 400])
        guard let difference = ReloadAnswer(answer) else {
            throw conversation.failed(
                "the gateway at \(conversation.target.address) answered \(answer.status), and not in the form that this "
                    + "version knows: \(answer.line)")
        }
        guard SamePath.isOne(path, difference.file) else {
            StandardError.print(
                "error: the gateway at \(conversation.target.address) was started with \(difference.file), not with "
                    + "\(path): a reload would read that one")
            throw Exit.configurationRefused
        }
        if case .refused = difference.outcome {
            StandardError.print("error: the file is good here, and the running gateway would refuse it:")
        }
        // They were printed already.
        try difference.withoutWarnings.report()
    }
}
