import GatewayConfig
import GatewayNIO
import Logging
import NIOPosix
import Synchronization

/// Where a successor asks for the listening sockets: `admin.takeover_socket` of the configuration in force.
final class TakeoverEndpoint: Sendable {
    private struct State {
        var path: String?
        var server: TakeoverServer?
    }

    private let sockets: @Sendable () async -> [TakeoverSocket]
    private let onReady: @Sendable () async -> Void
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - sockets: what there is to give.
    ///   - onReady: see `TakeoverServer`.
    init(
        sockets: @escaping @Sendable () async -> [TakeoverSocket], onReady: @escaping @Sendable () async -> Void,
        logger: Logger
    ) {
        self.sockets = sockets
        self.onReady = onReady
        self.logger = logger
    }

    /// Another path's server, open and not in force.
    struct Change: Sendable {
        fileprivate let path: String?
        fileprivate let server: TakeoverServer?
        fileprivate let closing: TakeoverServer?
        fileprivate let isNew: Bool
    }

    /// - Throws: `StartError` for a path that can't be listened on; the former one stays.
    func prepare(_ path: String?) async throws -> Change {
        let current = state.withLock { $0 }
        guard path != current.path else {
            return Change(path: path, server: current.server, closing: nil, isNew: false)
        }
        guard let path else { return Change(path: nil, server: nil, closing: current.server, isNew: false) }
        do {
            let server = try await NIOThreadPool.singleton.runIfActive { [self] in
                try TakeoverServer.start(path: path, sockets: sockets, onReady: onReady, logger: logger)
            }
            return Change(path: path, server: server, closing: current.server, isNew: true)
        } catch {
            let reason = ListenFailure.text(for: error, address: .unix(path: path))
            throw StartError(description: "admin.takeover_socket can't listen on unix:\(path): \(reason)")
        }
    }

    func apply(_ change: Change) async {
        state.withLock { $0 = State(path: change.path, server: change.server) }
        await change.closing?.stop()
    }

    func takeBack(_ change: Change) async {
        if change.isNew { await change.server?.stop() }
    }

    /// No successor is waited for any more.
    func stop() async {
        let server = state.withLock { state in
            defer { state = State() }
            return state.server
        }
        await server?.stop()
    }
}
