import GatewayAdmin
import GatewayConfig
import GatewayNIO
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The admin endpoint of the configuration in force, whatever address that gives it.
final class AdminEndpoint: Sendable {
    private struct State {
        var configuration: AdminConfiguration?
        var server: AdminServer?
    }

    private let group: any EventLoopGroup
    private let source: AdminSource
    private let logger: Logger
    private let state = Mutex(State())

    init(source: AdminSource, group: any EventLoopGroup, logger: Logger) {
        self.source = source
        self.group = group
        self.logger = logger
    }

    /// The address as bound; nil: there is no endpoint.
    var boundAddress: Address? { state.withLock { $0.server?.boundAddress } }

    /// Listens as the configuration says. Requests under way at the former address are still answered.
    ///
    /// - Returns: what is to be done once nothing else can fail; until then both addresses listen.
    /// - Throws: `StartError` for an address that can't be opened; the former one stays.
    func prepare(_ next: AdminConfiguration?) async throws -> Change {
        let current = state.withLock { ($0.configuration, $0.server) }
        guard next != current.0 else { return Change(server: current.1, configuration: next, closing: nil, isNew: false) }
        if let next, let known = current.0, let server = current.1, known.hasSocket(of: next) {
            return Change(server: server, configuration: next, closing: nil, isNew: false)
        }
        var opened: AdminServer?
        if let next { opened = try await start(next) }
        return Change(server: opened, configuration: next, closing: current.1, isNew: opened != nil)
    }

    /// Another configuration's endpoint, open and not in force.
    struct Change: Sendable {
        fileprivate let server: AdminServer?
        fileprivate let configuration: AdminConfiguration?
        fileprivate let closing: AdminServer?
        fileprivate let isNew: Bool
    }

    /// - Parameter isTold: whether a new address is logged now.
    func apply(_ change: Change, isTold: Bool = true) async {
        state.withLock { $0 = State(configuration: change.configuration, server: change.server) }
        if let server = change.server, let configuration = change.configuration { server.follow(configuration) }
        if change.isNew, isTold { tellAddress() }
        await change.closing?.stop()
    }

    func takeBack(_ change: Change) async {
        if change.isNew { await change.server?.stop() }
    }

    func tellAddress() {
        guard let boundAddress else { return }
        logger.info("listening", metadata: ["listener": "admin", "address": "\(boundAddress)"])
    }

    func stop() async {
        await state.withLock { $0.server }?.stop()
    }

    private func start(_ settings: AdminConfiguration) async throws -> AdminServer {
        let logger = logger
        do {
            return try await AdminServer.start(settings, source: source, group: group) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(listener: "admin", logger: logger))
                }
            } bindUnix: { bootstrap, path in
                let socket = try await UnixListeningSocket.bind(
                    bootstrap, path: path, access: settings.access, backlog: 128)
                return (socket.channel, { await socket.close() })
            }
        } catch {
            let reason = ListenFailure.text(for: error, address: settings.address)
            throw StartError(description: "admin can't listen on \(settings.address): \(reason)")
        }
    }
}

extension AdminConfiguration {
    /// Whether the socket of this one will do for the other.
    fileprivate func hasSocket(of other: AdminConfiguration) -> Bool {
        address == other.address && access == other.access
    }
}
