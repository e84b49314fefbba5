import GatewayConfig
import GatewayPolicy
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Where one server can be reached: its address, or those that its name stands for, as lookups find them.
///
/// Shared by all event loops. A name is looked up by one thread at a time, and at most once a second; a name whose lookup
/// hangs holds up no other.
final class ServerAddresses: Sendable {
    /// Between two lookups of a name.
    static let leastInterval = TimeAmount.seconds(1)
    /// A lookup can't be cancelled, so each has a thread until the system's resolver gives it up.
    private static let threads = {
        let threads = NIOThreadPool(numberOfThreads: 32)
        threads.start()
        return threads
    }()

    private struct State {
        var order = AddressOrder<SocketAddress>()
        var isLookingUp = false
        var mayLookUpAt = NIODeadline.distantPast
        var waiting: [EventLoopPromise<Void>] = []
    }

    private let name: (host: String, port: Int)?
    private let logger: Logger
    private let state: Mutex<State>

    init(_ address: Address, upstream: String, logger: Logger) {
        var logger = logger
        logger[metadataKey: "upstream"] = "\(upstream)"
        logger[metadataKey: "server"] = "\(address)"
        self.logger = logger
        var state = State()
        switch address {
        case .unix(let path):
            name = nil
            if let known = try? SocketAddress(unixDomainSocketPath: path) { state.order.update([(known, false)]) }
        case .tcp(let host, let port):
            if let known = try? SocketAddress(ipAddress: host, port: port) {
                name = nil
                state.order.update([(known, false)])
            } else {
                name = (host, port)
            }
        }
        self.state = Mutex(state)
    }

    var isName: Bool { name != nil }

    /// In the order in which to try them; empty: not known, or not yet.
    func order(now: NIODeadline) -> [SocketAddress] { state.withLock { $0.order.order(now: now) } }

    func worked(_ address: SocketAddress) { state.withLock { $0.order.worked(address) } }

    func failed(_ address: SocketAddress, now: NIODeadline) { state.withLock { $0.order.failed(address, now: now) } }

    /// Looks the name up, off the event loops. A name that does not resolve keeps the addresses it had.
    ///
    /// - Returns: done when a lookup has ended: one that was under way, or a new one. nil: there is no name, or it was
    ///   looked up just now.
    func lookUp(on eventLoop: any EventLoop, now: NIODeadline) -> EventLoopFuture<Void>? {
        guard let name else { return nil }
        let promise = eventLoop.makePromise(of: Void.self)
        let (waits, begins) = state.withLock { state in
            guard state.isLookingUp || now >= state.mayLookUpAt else { return (false, false) }
            state.waiting.append(promise)
            defer { state.isLookingUp = true }
            return (true, !state.isLookingUp)
        }
        if begins {
            Self.threads.submit { _ in self.finish(Result { try Self.lookUp(name.host, port: name.port) }) }
        }
        guard waits else {
            promise.succeed()
            return nil
        }
        return promise.futureResult
    }

    private func finish(_ result: Result<[SocketAddress], any Error>) {
        let waiting = state.withLock { state in
            if case .success(let found) = result {
                state.order.update(found.map { ($0, $0.protocol == .inet6) })
            }
            state.isLookingUp = false
            state.mayLookUpAt = .now() + Self.leastInterval
            defer { state.waiting = [] }
            return state.waiting
        }
        if case .failure(let error) = result {
            logger.warning("name lookup failed", metadata: ["reason": "\(error)"])
        }
        for promise in waiting { promise.succeed() }
    }
}
