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
            The command finds the gateway by --admin, the admin section of FILE, SLUICE_ADMIN or the default file.

            --health is for health checks of containers. If the gateway is ready, the command prints nothing and exits \
            with 0. Otherwise it prints the reason to standard error and exits with 1. It needs no token.

            Examples:
              sluice stats
              sluice stats --json --admin 127.0.0.1:9901 | jq .routes.chat.active
              HEALTHCHECK CMD ["sluice", "stats", "--health"]

            docs/operations.md of the source explains each figure.
            """)

    /// For a route about 2 KiB, so for thousands of them.
    static let answerLimit = 64 << 20

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    @Flag(help: "Print the JSON of GET /stats.")
    var json = false

    @Flag(help: "Exit with 0 if the gateway is ready, otherwise with 1.")
    var health = false

    func validate() throws {
        try admin.validate(beside: file)
        guard !json || !health else { throw ValidationError("--json and --health can't be combined; give one of them") }
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
