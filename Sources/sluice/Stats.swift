import ArgumentParser
import GatewayCommands

struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the figures of a running gateway: the process, its routes, the servers.",
        usage: """
            sluice stats [--config] <file> [--admin <address>] [--token-file <file>] [--json]
            sluice stats --health [--config] <file> [--admin <address>]
            """,
        discussion: """
            The gateway is found by --admin, the admin section of FILE, SLUICE_ADMIN, or the default file.

            --health is for health checks of containers: it prints nothing and exits with 0 when the gateway is ready, \
            and with 1 and the reason on standard error when it is not. It needs no token.

            Examples:
              sluice stats
              sluice stats --json --admin 127.0.0.1:9901 | jq .routes.chat.active
              HEALTHCHECK CMD ["sluice", "stats", "--health"]

            What each figure means: docs/operations.md of the source.
            """)

    /// For a route about 2 KiB, so for thousands of them.
    static let answerLimit = 64 << 20

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    @Flag(help: "Print what GET /stats answers.")
    var json = false

    @Flag(help: "Print nothing; exit with 0 when the gateway is ready, with 1 when it is not.")
    var health = false

    func validate() throws {
        try admin.validate(beside: file)
        guard !json || !health else { throw ValidationError("--json and --health can't be together") }
    }

    func run() async throws {
        let target = try admin.target(file, signal: "")
        if health { return try await Self.checkHealth(target) }
        let conversation = try AdminConversation(target)
        let answer = try await conversation.ask("GET", "/stats", expecting: [200], limit: Self.answerLimit)
        guard let reading = StatsReading(json: answer.body) else {
            throw conversation.failed(conversation.unknownForm(answer, to: "GET /stats").text)
        }
        if json { return StandardOutput.print(answer.text) }
        StandardOutput.print(StatsReport(reading, address: "\(target.address)").text)
    }

    /// Whoever runs it gives up within seconds.
    private static func checkHealth(_ target: AdminTarget) async throws {
        let reason: String
        switch try await AdminConversation(target, timeLimit: 5).peek("/readyz") {
        case .success(let answer) where answer.status == 200: return
        case .success(let answer): reason = "the gateway at \(target.address) is not ready: \(answer.line)"
        case .failure(let failure): reason = failure.text(of: target.address)
        }
        StandardError.print("error: \(reason)")
        throw Exit.notReady
    }
}
