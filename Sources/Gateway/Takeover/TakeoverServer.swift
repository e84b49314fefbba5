import GatewayConfig
import GatewayNIO
public import Logging
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The old process's end of a takeover: waits at a unix socket for a successor, gives it the listening sockets, and
/// ends once the successor is ready.
///
/// A successor that gives up, breaks a rule or is slow changes nothing. Only processes of the same user get anywhere:
/// the file has mode 0600, and the kernel says who connects.
public final class TakeoverServer: Sendable {
    private struct State {
        /// One of `listening`'s, for accept. -1: closed.
        var socket: CInt
        var isStopping = false
        var connection: TakeoverConnection?
        var work: Task<Void, Never>?
    }

    private let listening: ListeningDescriptors
    private let offer: @Sendable () async -> [TakeoverSocket]
    private let onReady: @Sendable () async -> Void
    private let logger: Logger
    private let user: UInt32
    private let times: TakeoverTimes
    private let thread = BlockingThread("sluice.takeover")
    private let state: Mutex<State>

    /// Listens at a path, where the file of a process that is gone is replaced.
    ///
    /// - Parameters:
    ///   - path: absolute; see `admin.takeover_socket`.
    ///   - sockets: the listening sockets as duplicates, which are closed once they are sent.
    ///   - onReady: called once, when a successor accepts connections: returns when this process no longer does, and
    ///     leaves draining to a task of its own. Afterwards this server has stopped, and its file is gone.
    /// - Throws: `IOError` (EADDRINUSE: another gateway waits there) or `UnixSocketError`.
    public static func start(
        path: String, sockets: @escaping @Sendable () async -> [TakeoverSocket],
        onReady: @escaping @Sendable () async -> Void, logger: Logger
    ) throws -> TakeoverServer {
        try start(path: path, sockets: sockets, onReady: onReady, logger: logger, user: geteuid(), times: .init())
    }

    static func start(
        path: String, sockets: @escaping @Sendable () async -> [TakeoverSocket],
        onReady: @escaping @Sendable () async -> Void, logger: Logger, user: UInt32, times: TakeoverTimes
    ) throws -> TakeoverServer {
        let listening = try ListeningDescriptors.open(
            .unix(path: path), access: .init(mode: 0o600), count: 1, backlog: 4)
        let server = TakeoverServer(
            listening: listening, socket: try listening.duplicates()[0], offer: sockets, onReady: onReady,
            logger: logger, user: user, times: times)
        let work = Task { await server.serve() }
        server.state.withLock { $0.work = work }
        return server
    }

    private init(
        listening: ListeningDescriptors, socket: CInt, offer: @escaping @Sendable () async -> [TakeoverSocket],
        onReady: @escaping @Sendable () async -> Void, logger: Logger, user: UInt32, times: TakeoverTimes
    ) {
        self.listening = listening
        state = Mutex(State(socket: socket))
        self.offer = offer
        self.onReady = onReady
        self.logger = logger
        self.user = user
        self.times = times
    }

    /// Stops waiting, gives up a takeover whose successor is not ready yet, and takes the file away. Returns when all
    /// that is done. Not to be called from `onReady`.
    public func stop() async {
        listening.close()
        let work = state.withLock { state in
            state.isStopping = true
            state.connection?.stopReading()
            // Wakes who waits for a connection; closing would not.
            if state.socket >= 0 { _ = shutdown(state.socket, CInt(SHUT_RDWR)) }
            return state.work
        }
        await work?.value
    }

    private func serve() async {
        var isShort = false
        while !isStopping {
            do {
                let connection = try await thread.run { try self.nextConnection() }
                isShort = false
                defer { connection.close() }
                if await handOver(to: connection) { return }
            } catch {
                if isStopping { break }
                if !isShort {
                    logger.warning("takeover socket can't accept connections", metadata: ["reason": "\(error)"])
                }
                isShort = true
                try? await Task.sleep(for: .seconds(1))
            }
        }
        stopListening()
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }
    private var socket: CInt { state.withLock { $0.socket } }

    private func stopListening() {
        listening.close()
        state.withLock { state in
            if state.socket >= 0 { close(state.socket) }
            state.socket = -1
        }
    }

    /// Blocks until somebody connects, or `stop()`.
    private func nextConnection() throws -> TakeoverConnection {
        while true {
            var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, -1) >= 0 || errno == EINTR else { throw IOError(errnoCode: errno, reason: "poll") }
            if isStopping { throw ChannelError.eof }
            if let connection = try accept() { return connection }
        }
    }

    /// nil: nobody is there any more.
    private func accept() throws -> TakeoverConnection? {
        let descriptor = systemAccept(socket)
        if descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            return TakeoverConnection(descriptor, mostDescriptors: 0)
        }
        guard errno == EAGAIN || errno == EINTR || errno == ECONNABORTED else {
            throw IOError(errnoCode: errno, reason: "accept")
        }
        return nil
    }

    /// True once a successor is ready, and everything is its own.
    private func handOver(to connection: TakeoverConnection) async -> Bool {
        let canBegin = state.withLock { state in
            if !state.isStopping { state.connection = connection }
            return !state.isStopping
        }
        defer { state.withLock { $0.connection = nil } }
        var successor = "unknown"
        do {
            let peer = try connection.peer()
            successor = "\(peer.pid)"
            guard canBegin else { throw Self.isEnding }
            guard peer.user == user else {
                throw TakeoverError(
                    description: "expected a process of user \(user), as this gateway is, found user \(peer.user)")
            }
            try await greet(connection)
            logger.info("takeover begins", metadata: ["successor": "\(successor)"])
            try await sendSockets(to: connection)
            try await awaitReady(connection)
        } catch {
            refuse(connection, error)
            logger.warning(
                "takeover failed; this process continues",
                metadata: ["successor": "\(successor)", "reason": "\(error)"])
            return false
        }
        await onReady()
        // The path is the successor's from the moment it hears of it.
        stopListening()
        let times = times
        do {
            try await thread.run {
                let line = try TakeoverMessage.line(TakeoverMessage.Ended(ended: true))
                try connection.send(line, by: .now + times.offer)
            }
            logger.info("takeover done", metadata: ["successor": "\(successor)"])
        } catch {
            logger.warning(
                "takeover done, but the gateway can't tell the successor",
                metadata: ["successor": "\(successor)", "reason": "\(error)"])
        }
        return true
    }

    private static let isEnding = TakeoverError(description: "the gateway is stopping; start without --takeover")

    private func greet(_ connection: TakeoverConnection) async throws {
        let hello = try await read(TakeoverMessage.Hello.self, from: connection, within: times.hello)
        guard hello.sluice == TakeoverMessage.version else {
            throw TakeoverError(
                description: "expected a successor that speaks takeover protocol \(TakeoverMessage.version), found "
                    + "\(hello.sluice); restart without --takeover")
        }
    }

    private func sendSockets(to connection: TakeoverConnection) async throws {
        let sockets = await offer()
        defer { for descriptor in sockets.flatMap(\.descriptors) { close(descriptor) } }
        let times = times
        try await thread.run {
            let line = try TakeoverMessage.line(
                TakeoverMessage.Offer(
                    sockets: sockets.map { .init(name: $0.name, address: $0.address, count: $0.descriptors.count) }))
            try connection.send(line, with: sockets.flatMap(\.descriptors), by: .now + times.offer)
        }
    }

    private func awaitReady(_ connection: TakeoverConnection) async throws {
        let ready = try await read(TakeoverMessage.Ready.self, from: connection, within: times.ready)
        guard ready.ready else { throw TakeoverError(description: "the successor said that it is not ready") }
    }

    /// One message of the successor's. Others that come meanwhile are told to try later.
    private func read<Message: Decodable & Sendable>(
        _ type: Message.Type, from connection: TakeoverConnection, within time: Duration
    ) async throws -> Message {
        try await thread.run {
            let line = try connection.readLine(by: .now + time, visitors: self.socket) {
                guard let visitor = try? self.accept() else { return }
                self.refuse(visitor, TakeoverError(description: "another takeover is in progress; try again later"))
                visitor.close()
            }
            if self.isStopping { throw Self.isEnding }
            guard let line else {
                throw TakeoverError(description: "the successor ended the connection before it was ready")
            }
            return try TakeoverMessage.read(type, from: line)
        }
    }

    /// Tells why, if the other side takes it at once.
    private func refuse(_ connection: TakeoverConnection, _ error: any Error) {
        guard let line = try? TakeoverMessage.line(TakeoverMessage.Refusal(error: "\(error)")) else { return }
        try? connection.send(line, by: .now)
    }
}

/// `accept` is this type's own word as well.
private func systemAccept(_ socket: CInt) -> CInt { accept(socket, nil, nil) }
