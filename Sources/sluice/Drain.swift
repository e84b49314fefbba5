import ArgumentParser

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a running gateway close its connections and stop.",
        usage: """
            sluice drain [--config] <file> [--admin <address>] [--token-file <file>] [--wait]
            sluice drain --admin <address> [--token-file <file>] [--wait]
            """,
        discussion: """
            The command finds the gateway by --admin, the admin section of FILE, SLUICE_ADMIN or the default file.

            The gateway then drains, as it does on SIGTERM. It sends every WebSocket a Close between two messages, and \
            stops when all of them have ended or drain.timeout has passed.

            Examples:
              sluice drain --wait /etc/sluice/sluice.yaml
              sluice drain --admin 127.0.0.1:9901

            docs/operations.md of the source explains each step of a drain.
            """)

    /// How often to look whether the gateway is still there.
    private static let interval = Duration.milliseconds(100)

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    @Flag(help: "Wait until the gateway has stopped.")
    var wait = false

    func validate() throws {
        try admin.validate(beside: file)
    }

    func run() async throws {
        let conversation = try AdminConversation(
            admin.target(file, signal: ", or send it SIGTERM: kill PID"))
        _ = try await conversation.ask("POST", "/drain", expecting: [202])
        StandardOutput.print("draining")
        guard wait else { return }
        await Self.waitForEnd(conversation)
        StandardOutput.print("stopped")
    }

    /// Its admin endpoint is the last that goes. Another gateway may have the address by then: that one does not drain.
    private static func waitForEnd(_ conversation: AdminConversation) async {
        var hasBegun = false
        while true {
            switch await conversation.peek("/readyz") {
            case .success(let answer):
                let isDraining = answer.status == 503 && answer.line == "draining"
                if hasBegun, !isDraining { return }
                hasBegun = hasBegun || isDraining
            case .failure(let failure):
                // Anything else says nothing yet: a connection may have been cut by the end.
                if failure.isGone { return }
            }
            try? await Task.sleep(for: interval)
        }
    }
}
