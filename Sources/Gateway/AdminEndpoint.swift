import GatewayAdmin
import GatewayConfig
import GatewayNIO
import Logging
import NIOCore
import NIOPosix
import SocketTransport
import Synchronization

/// The admin endpoint of the configuration in force, whatever address that gives it.
final class AdminEndpoint: Sendable {
    fileprivate struct State: Sendable {
        var configuration: AdminConfiguration?
        var server: AdminServer?
        var sockets: AcceptingSockets?
    }

    private let group: SocketEventLoopGroup
    private let source: AdminSource
    private let logger: Logger
    private let state = Mutex(State())

    init(source: AdminSource, group: SocketEventLoopGroup, logger: Logger) {
        self.source = source
        self.group = group
        self.logger = logger
    }

    /// The address as bound; nil: there is no endpoint.
    var boundAddress: Address? { state.withLock { $0.server?.boundAddress } }

    /// Listens as the configuration says. Requests under way at the former address are still answered.
    ///
    /// - Parameters:
    ///   - inherited: sockets of a predecessor, or of whatever started the process.
    ///   - waits: whether nothing is accepted on these before `beginAccepting()`.
    /// - Returns: what is to be done once nothing else can fail; until then both addresses listen.
    /// - Throws: `StartError` for an address that can't be opened; the former one stays.
    func prepare(
        _ next: AdminConfiguration?, inherited: ListeningDescriptors? = nil, waits: Bool = false
    ) async throws -> Change {
        let current = state.withLock { $0 }
        guard let next else { return Change(next: State(), closing: current.server) }
        if let known = current.configuration, current.server != nil, known.address == next.address {
            var same = Change(next: current)
            same.next.configuration = next
            if known.access != next.access {
                same.accessBefore = known.access
                do {
                    try current.sockets?.descriptors.apply(next.access)
                } catch {
                    await takeBack(same)
                    throw Self.error(error, next)
                }
            }
            return same
        }
        let overlaps = current.configuration?.address.overlaps(next.address) ?? false
        let (server, sockets) = try await start(next, inherited: inherited, waits: waits, mayShare: overlaps)
        return Change(
            next: State(configuration: next, server: server, sockets: sockets), closing: current.server, isNew: true)
    }

    /// Another configuration's endpoint, open and not in force.
    struct Change: Sendable {
        fileprivate var next: State
        fileprivate var closing: AdminServer?
        fileprivate var isNew = false
        /// Of a unix socket that goes on with another.
        fileprivate var accessBefore: UnixSocketAccess?
    }

    private static func error(_ error: any Error, _ settings: AdminConfiguration) -> StartError {
        let reason = ListenFailure.text(for: error, address: settings.address)
        return StartError(description: "admin can't listen on \(settings.address): \(reason)")
    }

    /// - Parameter isTold: whether a new address is logged now.
    func apply(_ change: Change, isTold: Bool = true) async {
        state.withLock { $0 = change.next }
        if let configuration = change.next.configuration { change.next.server?.follow(configuration) }
        if change.isNew, isTold { tellAddress() }
        await change.closing?.stop()
    }

    func takeBack(_ change: Change) async {
        if change.isNew { await change.next.server?.stop() }
        if let access = change.accessBefore { try? change.next.sockets?.descriptors.apply(access) }
    }

    /// The listening socket; nil: there is none.
    var listening: ListeningDescriptors? { state.withLock { $0.sockets?.descriptors } }

    /// A predecessor no longer accepts: this process does.
    func beginAccepting() async { await state.withLock { $0.sockets }?.begin() }

    /// A successor accepts on the same socket: this process no longer does.
    func leaveToSuccessor() async {
        await state.withLock { $0.sockets }?.stop(leavesFile: true)
    }

    func tellAddress() {
        guard let boundAddress else { return }
        logger.info("listening", metadata: ["listener": "admin", "address": "\(boundAddress)"])
    }

    func stop() async {
        await state.withLock { $0.server }?.stop()
    }

    private func start(
        _ settings: AdminConfiguration, inherited: ListeningDescriptors?, waits: Bool, mayShare: Bool
    ) async throws -> (AdminServer, AcceptingSockets) {
        let logger = logger
        do {
            let descriptors: ListeningDescriptors
            if let inherited {
                descriptors = inherited
            } else {
                descriptors = try await NIOThreadPool.singleton.runIfActive {
                    try ListeningDescriptors.open(
                        settings.address, access: settings.access, count: 1, backlog: AdminServer.backlog,
                        mayShare: mayShare)
                }
            }
            var accepting: AcceptingSockets?
            let server = try await AdminServer.start(settings, source: source) { initializer in
                let sockets = try await AcceptingSockets.accept(
                    on: descriptors, waits: waits && inherited != nil, loops: group.loops,
                    shortage: { AcceptingSockets.tellShortage(of: "admin", because: $0, to: logger) },
                    initializer: initializer)
                accepting = sockets
                return (sockets.boundAddress, { await sockets.stop() })
            }
            guard let accepting else { throw ChannelError.operationUnsupported }
            return (server, accepting)
        } catch {
            throw Self.error(error, settings)
        }
    }
}
