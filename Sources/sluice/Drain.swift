import ArgumentParser

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have a running gateway end its connections and stop.",
        usage: """
            sluice drain [--config] <file> [--admin <address>] [--token-file <file>] [--wait]
            sluice drain --admin <address> [--token-file <file>] [--wait]
            """,
        discussion: """
            The gateway is found by the admin section of FILE, or by --admin. It does what it does on SIGTERM: every \
            WebSocket gets a Close between two messages, and the process ends when all of them have ended, or \
            drain.timeout is over.

            Examples:
              sluice drain --wait /etc/sluice/sluice.yaml
              sluice drain --admin 127.0.0.1:9901

            Each step of a drain: docs/operations.md of the source.
            """)

    /// How often to look whether the gateway is still there.
    private static let interval = Duration.milliseconds(100)

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    @Flag(help: "Return when the gateway has stopped.")
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
