import ArgumentParser
import Gateway
import GatewayConfig

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway in the foreground.",
        usage: "sluice run [--config] <file> [--watch] [--takeover]",
        discussion: """
            The gateway logs to standard error. SIGTERM and SIGINT start a drain: the gateway sends every WebSocket a \
            Close between two messages, then exits with 0. A second signal, half a second later or more, makes it exit at \
            once. SIGHUP makes it read the configuration file again.

            Examples:
              sluice run /etc/sluice/sluice.yaml
              sluice run --watch sluice.yaml
              sluice run --takeover sluice.yaml

            docs/configuration.md of the source explains every key, docs/operations.md signals and restarts.
            """)

    @OptionGroup var file: ConfigurationOption

    @Flag(help: "Reload when the configuration file, or a file that it names, changes.")
    var watch = false

    @Flag(
        help: "Take the listening sockets from the running gateway through admin.takeover_socket. That gateway drains."
    )
    var takeover = false

    func validate() throws {
        try file.requirePath()
    }

    func run() async throws {
        let reloadable = file.reloadable
        // What changes while the file is read counts as a change.
        let watch = watch ? ConfigurationWatch(file: reloadable.path) : nil
        let configuration = try file.load()
        var settings = Gateway.Settings(file: reloadable, log: LogSettings(configuration.log))
        do {
            (settings.takeover, settings.inherited) = try await sockets(for: configuration)
        } catch {
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        try await Foreground.run(configuration, settings: settings, watch: watch)
    }

    /// Those that listen already: a predecessor's, or systemd's.
    private func sockets(for configuration: GatewayConfiguration) async throws -> (Takeover?, InheritedSockets) {
        guard takeover else {
            return (nil, try InheritedSockets(try StartedBy.systemdSockets.get(), for: configuration))
        }
        guard let path = configuration.admin?.takeoverSocket else {
            throw StartError(
                description:
                    "--takeover needs admin.takeover_socket; set it in \(file.path ?? "") and in the configuration "
                    + "of the running gateway")
        }
        let takeover = try await TakeoverClient.take(path: path)
        do {
            return (takeover, try InheritedSockets(takeover, for: configuration))
        } catch {
            takeover.abandon()
            throw error
        }
    }
}
