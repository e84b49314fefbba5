import ArgumentParser
import GatewayCommands
import GatewayConfig

struct Connections: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the open WebSockets of a running gateway.",
        usage: """
            sluice connections [--config] <file> [--admin <address>] [--token-file <file>] [--route <name>] [--ip <address>] \
            [--server <address>] [--limit <count>] [--json]
            """,
        discussion: """
            The command finds the gateway by --admin, the admin section of FILE, SLUICE_ADMIN or the default file.

            Examples:
              sluice connections --route chat --limit 20
              sluice connections --ip 192.0.2.7 --json | jq '.[].id'
              sluice close 42

            docs/operations.md of the source explains each figure.
            """)

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    @Option(help: ArgumentHelp("List only WebSockets of this route.", valueName: "name"))
    var route: String?

    @Option(help: ArgumentHelp("List only WebSockets of clients with this IP address.", valueName: "address"))
    var ip: String?

    @Option(
        help: ArgumentHelp(
            "List only WebSockets to this server; write its address as the list does.", valueName: "address"))
    var server: String?

    @Option(
        help: ArgumentHelp("List at most this number of WebSockets, 1 to 100000.", valueName: "count"),
        transform: Self.limit)
    var limit = 1000

    @Flag(help: "Print the JSON of GET /connections.")
    var json = false

    private static func limit(_ text: String) throws -> Int {
        guard let limit = Int(decimalDigits: text), (1...100_000).contains(limit) else {
            throw ValidationError("expected a number from 1 to 100000")
        }
        return limit
    }

    func validate() throws {
        try admin.validate(beside: file)
    }

    func run() async throws {
        let conversation = try AdminConversation(admin.target(file, signal: ""))
        let path = Self.path(route: route, ip: ip, server: server, limit: limit)
        let answer = try await conversation.ask(
            "GET", path, expecting: [200], limit: Self.answerLimit(for: limit))
        guard let connections = ConnectionReading.list(json: answer.body) else {
            throw conversation.failed(conversation.unknownForm(answer, to: "GET /connections").text)
        }
        if json {
            StandardOutput.print(answer.text)
        } else {
            StandardOutput.print(ConnectionsReport(connections).text)
        }
        if connections.count == limit {
            StandardError.print("note: these are the first \(limit) WebSockets; --limit can be up to 100000")
        }
    }

    static func path(route: String? = nil, ip: String? = nil, server: String? = nil, limit: Int) -> String {
        AdminPath("/connections", query: [("route", route), ("ip", ip), ("server", server), ("limit", "\(limit)")]).text
    }

    /// In bytes: one takes about 500.
    static func answerLimit(for count: Int) -> Int { AdminClient.answerLimit + count * 2048 }
}
