public import GatewayConfig
public import Logging
import NIOCore
public import SocketTransport

/// Listening sockets, and what accepts on them.
public final class AcceptingSockets: Sendable {
    public let descriptors: ListeningDescriptors
    private let sockets: [AcceptingSocket]
    private let loops: [SocketEventLoop]

    private init(descriptors: ListeningDescriptors, sockets: [AcceptingSocket], loops: [SocketEventLoop]) {
        self.descriptors = descriptors
        self.sockets = sockets
        self.loops = loops
    }

    public var boundAddress: Address { descriptors.boundAddress }

    /// Accepts on every socket, each on an event loop of its own. Where there are fewer sockets than loops, they hand their
    /// connections round. The descriptors are this object's, and closed should it throw.
    ///
    /// - Parameters:
    ///   - waits: whether nothing is accepted before `begin()`: another process still does.
    ///   - loops: at least one.
    ///   - shortage: called when there is no file descriptor or memory for another connection, or the kernel can't watch a
    ///     socket; once until there is again.
    ///   - initializer: sets up each connection.
    /// - Throws: `IOError`.
    public static func accept(
        on descriptors: ListeningDescriptors, waits: Bool = false, loops: [SocketEventLoop],
        shortage: @escaping @Sendable (any Error) -> Void, initializer: @escaping AcceptingSocket.Initializer
    ) async throws -> AcceptingSockets {
        let handsRound = descriptors.count < loops.count
        do {
            let sockets = try descriptors.duplicates().enumerated().map { number, descriptor in
                let loop = loops[number % loops.count]
                return AcceptingSocket(
                    descriptor, on: loop, targets: handsRound ? loops : [loop], shortage: shortage,
                    initializer: initializer)
            }
            let accepting = AcceptingSockets(descriptors: descriptors, sockets: sockets, loops: loops)
            if !waits { try await accepting.accept() }
            return accepting
        } catch {
            descriptors.close()
            throw error
        }
    }

    private func accept() async throws {
        do {
            for socket in sockets { try await socket.begin().get() }
        } catch {
            for socket in sockets { try? await socket.close().get() }
            throw error
        }
    }

    /// Logs that a listener is short of what a connection takes.
    public static func tellShortage(of listener: String, because error: any Error, to logger: Logger) {
        logger.warning(
            "listener pauses accepting",
            metadata: ["listener": "\(listener)", "reason": "\(ListenFailure.text(forAccept: error))"])
    }

    /// Accepts from now on what has waited. Where the kernel can't watch a socket now, that is a shortage, and tried again
    /// until it can: nobody else accepts on it any more.
    public func begin() async {
        // What can fail is told as a shortage.
        for socket in sockets { try? await socket.beginWhenPossible().get() }
    }

    /// Stops accepting. The address is free unless another process has duplicates; the file of a unix socket is gone
    /// before it refuses anyone.
    ///
    /// - Parameter leavesFile: a successor listens on it.
    public func stop(leavesFile: Bool = false) async {
        if leavesFile { descriptors.giveFileAway() }
        for socket in sockets { try? await socket.stop().get() }
        // Connections that are on their way to another loop are there when it has had a turn.
        for loop in loops { try? await loop.submit {}.get() }
        descriptors.close()
        for socket in sockets { try? await socket.close().get() }
    }
}
