import ArgumentParser

struct Reload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have a running gateway read its configuration file again.",
        usage: """
            sluice reload [--config] <file> [--admin <address>] [--token-file <file>]
            sluice reload --admin <address> [--token-file <file>]
            """,
        discussion: """
            The gateway is found by the admin section of FILE, or by --admin. It reads the file that it was started with, \
            and prints what changed. A file with mistakes changes nothing: every error is printed, one a line, and the \
            exit code is 1.

            Examples:
              sluice check --diff /etc/sluice/sluice.yaml
              sluice reload /etc/sluice/sluice.yaml

            What a reload keeps: docs/operations.md of the source.
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
            throw conversation.failed(conversation.unknownForm(answer, to: "a reload").text)
        }
        try reload.report(isHere: conversation.target.isHere)
        if let path = file.given, !SamePath.isOne(path, reload.file) {
            StandardError.print("warning: the gateway read \(reload.file), the file it was started with, not \(path)")
        }
    }
}
