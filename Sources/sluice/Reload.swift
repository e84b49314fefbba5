import ArgumentParser

struct Reload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a running gateway read its configuration file again.",
        usage: """
            sluice reload [--config] <file> [--admin <address>] [--token-file <file>]
            sluice reload --admin <address> [--token-file <file>]
            """,
        discussion: """
            The command finds the gateway by --admin, the admin section of FILE, SLUICE_ADMIN or the default file.

            The gateway reads the file that it was started with, and the command prints what changed. If the file has \
            errors, the gateway changes nothing. The command then prints every error and exits with 1.

            Examples:
              sluice check --diff /etc/sluice/sluice.yaml
              sluice reload /etc/sluice/sluice.yaml

            docs/operations.md of the source says what a reload keeps.
            """)

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    func validate() throws {
        try admin.validate(beside: file)
    }

    func run() async throws {
        let conversation = try AdminConversation(
            admin.target(file, signal: ", or send it SIGHUP: kill -HUP PID"))
        let answer = try await conversation.ask("POST", "/reload", expecting: [200, 400])
        guard let reload = ReloadAnswer(answer) else {
            throw conversation.failed(conversation.unknownForm(answer, to: "POST /reload").text)
        }
        try reload.report(isHere: conversation.target.isHere)
        if let path = file.given, !SamePath.isOne(path, reload.file) {
            StandardError.print("warning: the gateway read \(reload.file), the file it was started with, not \(path)")
        }
    }
}
