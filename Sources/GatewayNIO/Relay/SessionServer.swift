import GatewayConfig
import GatewayPolicy

/// What a session has on its server's side, as far as it is more than frames.
enum SessionServer {
    case upstream(LiveServer, ServerPermit)
    case command(CommandProcess)

    /// nil: it is no server of an upstream.
    var live: LiveServer? { if case .upstream(let server, _) = self { server } else { nil } }

    var isCommand: Bool { if case .command = self { true } else { false } }

    /// As lists and logs have it: an address, or `command:python3`.
    var name: String {
        switch self {
        case .upstream(let server, _): server.address.description
        case .command(let process): process.command.name
        }
    }

    /// Whether its sockets are to go elsewhere.
    var isDrained: Bool { live?.record.isDrained ?? false }

    /// What becomes of a session of this route when its configuration is replaced.
    func fate(route: String, in difference: ConfigurationDifference) -> ChangeAction {
        guard let live else { return difference.fate(route: route) }
        return difference.fate(route: route, upstream: live.upstream.name, server: live.configured)
    }

    /// The session has ended: gives back what it held. `max_connections` caps the processes of a route as well, so that
    /// a command keeps the place of its client as long as it runs.
    func release(_ permit: Permit) {
        switch self {
        case .upstream(_, let serverPermit):
            permit.release()
            serverPermit.release()
        case .command(let process):
            process.whenGone { permit.release() }
        }
    }

    /// There is no session that could.
    func giveUp() {
        switch self {
        case .upstream(_, let permit): permit.release()
        case .command(let process): process.end()
        }
    }
}
