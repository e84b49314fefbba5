import ArgumentParser
import GatewayCommands
import GatewayConfig

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate a configuration file without opening a port.",
        usage: """
            sluice check [--config] <file> [--format text|json]
            sluice check [--config] <file> --diff [--admin <address>] [--token-file <file>]
            """,
        discussion: """
            Reads the file and everything it names: certificates, keys, patterns, references. Prints the routes and \
            exits with 0, or prints every error with its place and its line, and exits with 1. Warnings change nothing \
            about that.

            With --diff it asks the running gateway instead what a reload would change, and prints that.

            Examples:
              sluice check sluice.yaml
              sluice check --format json sluice.yaml | jq -r '.issues[].message'
              sluice check --diff /etc/sluice/sluice.yaml

            Every key: docs/configuration.md of the source.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @OptionGroup var file: ConfigurationOption

    @Option(help: "text for people, json for programs: an object with file, valid and issues.")
    var format = Format.text

    @Flag(help: "Print what a reload would change in the running gateway.")
    var diff = false

    @OptionGroup var admin: AdminOption

    func validate() throws {
        try file.requirePath()
        guard diff || !admin.isGiven else {
            throw ValidationError("--admin and --token-file go with --diff: nothing else asks the gateway")
        }
        guard !diff || format == .text else {
            throw ValidationError("--format json goes without --diff; GET /reload answers the same question in JSON")
        }
    }

    func run() async throws {
        let path = file.path ?? ""
        guard format == .text else { return try printJSON(path) }
        let configuration = try file.load()
        StandardError.show(configuration.warnings, of: path)
        guard diff else { return StandardOutput.print(summary(of: configuration)) }
        let conversation = try AdminConversation(admin.target(configuration, path: path, signal: ""))
        let answer = try await conversation.ask("GET", "/reload", expecting: [200, 400])
        guard let difference = ReloadAnswer(answer) else {
            throw conversation.failed(conversation.unknownForm(answer, to: "the question what a reload changes").text)
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
        try difference.withoutWarnings.report(isHere: conversation.target.isHere)
    }

    private func printJSON(_ path: String) throws {
        do throws(ConfigurationErrors) {
            let warnings = try file.read(opensFiles: true).warnings
            StandardOutput.print(CheckReport(file: path, valid: true, issues: warnings).json)
        } catch {
            StandardOutput.print(CheckReport(file: path, valid: false, issues: error.errors).json)
            throw Exit.configurationRefused
        }
    }
}
