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
            The command reads the file and every file that it names, and checks keys, certificates, patterns and \
            references. If it finds no error, it prints the routes and exits with 0. Otherwise it prints every error \
            with its place and its line, and exits with 1. Warnings do not change the exit code.

            With --diff the command asks the running gateway what a reload would change, and prints the answer.

            Examples:
              sluice check sluice.yaml
              sluice check --format json sluice.yaml | jq -r '.issues[].message'
              sluice check --diff /etc/sluice/sluice.yaml

            docs/configuration.md of the source explains every key.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @OptionGroup var file: ConfigurationOption

    @Option(help: "Print text for people, or json for programs: an object with file, valid and issues.")
    var format = Format.text

    @Flag(help: "Print what a reload would change in the running gateway.")
    var diff = false

    @OptionGroup var admin: AdminOption

    func validate() throws {
        try file.requirePath()
        guard diff || !admin.isGiven else {
            throw ValidationError("--admin and --token-file need --diff, because only --diff asks the gateway")
        }
        guard !diff || format == .text else {
            throw ValidationError("--format json can't be combined with --diff; GET /reload has that answer in JSON")
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
            throw conversation.failed(conversation.unknownForm(answer, to: "GET /reload").text)
        }
        guard SamePath.isOne(path, difference.file) else {
            StandardError.print(
                "error: the gateway at \(conversation.target.address) was started with \(difference.file) and "
                    + "would reload that file, not \(path)")
            throw Exit.configurationRefused
        }
        if case .refused = difference.outcome {
            StandardError.print("error: this command accepts the file, but the running gateway would refuse it:")
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
