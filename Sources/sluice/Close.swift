import ArgumentParser
import GatewayConfig

struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Close one WebSocket of a running gateway.",
        usage:
            "sluice close <id> [--code <code>] [--reason <text>] [--config <file>] [--admin <address>] [--token-file <file>]",
        discussion: """
            The gateway sends client and server a Close with the code and the reason, between two messages. sluice \
            connections lists the numbers of the WebSockets.

            The command finds the gateway by --admin, the admin section of FILE, SLUICE_ADMIN or the default file.

            Examples:
              sluice close 42
              sluice close 42 --code 4001 --reason "session ended"

            DELETE /connections closes many at once; docs/operations.md of the source explains it.
            """)

    @Argument(help: ArgumentHelp("The number of the WebSocket.", valueName: "id"), transform: Self.id)
    var id: UInt64

    @Option(
        help: ArgumentHelp("The code of the Close: 1000 to 1003, 1007 to 1014 or 3000 to 4999.", valueName: "code"),
        transform: Self.code)
    var code: UInt16 = 1008

    @Option(
        help: ArgumentHelp("The reason of the Close, at most 123 bytes.", valueName: "text"), transform: Self.reason)
    var reason: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("The configuration file of the gateway.", valueName: "file"), completion: .file())
    var config: String?

    @OptionGroup var admin: AdminOption

    private static func id(_ text: String) throws -> UInt64 {
        guard let id = UInt64(decimalDigits: text) else {
            throw ValidationError("expected the number of a WebSocket; sluice connections lists them")
        }
        return id
    }

    /// RFC 6455 §7.4.
    private static func code(_ text: String) throws -> UInt16 {
        guard let code = UInt16(decimalDigits: text),
            [1000...1003, 1007...1014, 3000...4999].contains(where: { $0 ~= code })
        else {
            throw ValidationError("expected 1000 to 1003, 1007 to 1014 or 3000 to 4999")
        }
        return code
    }

    /// RFC 6455 §5.5.
    private static func reason(_ text: String) throws -> String {
        guard text.utf8.count <= 123 else {
            throw ValidationError("expected at most 123 bytes, found \(text.utf8.count)")
        }
        return text
    }

    private var file: ConfigurationOption { ConfigurationOption(given: config) }

    func validate() throws {
        try admin.validate(beside: file)
    }

    func run() async throws {
        let conversation = try AdminConversation(admin.target(file, signal: ""))
        let path = AdminPath("/connections/\(id)", query: [("code", "\(code)"), ("reason", reason)]).text
        let answer = try await conversation.ask("DELETE", path, expecting: [202, 404])
        guard answer.status == 202 else {
            guard answer.line == "no connection has this number" else {
                throw conversation.failed(conversation.unknownForm(answer, to: "DELETE /connections/ID").text)
            }
            throw conversation.failed(
                "no open WebSocket has the number \(id); sluice connections lists the open ones")
        }
        StandardOutput.print("closing \(id)")
    }
}
