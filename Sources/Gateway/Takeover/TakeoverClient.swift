import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The new process's end of a takeover.
public enum TakeoverClient {
    /// More than any gateway listens with: bounds what another process can make this one hold.
    static let mostDescriptors = 16 * 1024

    /// Asks the gateway that runs for its listening sockets. It goes on accepting on them meanwhile, and for good
    /// unless `Takeover.ready()` is called within 60 seconds.
    ///
    /// - Parameter path: where it listens for a successor (`admin.takeover_socket`).
    /// - Throws: `TakeoverError` when no gateway answers, it runs as another user, or it refuses.
    public static func take(path: String) async throws -> Takeover {
        try await take(path: path, user: geteuid(), times: .init())
    }

    static func take(path: String, user: UInt32, times: TakeoverTimes) async throws -> Takeover {
        let thread = BlockingThread("sluice.takeover")
        return try await thread.run {
            let connection = TakeoverConnection(try connect(to: path), mostDescriptors: mostDescriptors)
            do {
                return Takeover(
                    sockets: try ask(connection, path: path, user: user, times: times), connection: connection,
                    thread: thread, times: times)
            } catch {
                connection.close()
                throw error as? TakeoverError
                    ?? TakeoverError(description: "the takeover from the gateway at \(path) failed: \(error)")
            }
        }
    }

    private static func connect(to path: String) throws -> CInt {
        let address: SocketAddress
        do {
            address = try SocketAddress(unixDomainSocketPath: path)
        } catch {
            throw TakeoverError(
                description: "the path \(path) is too long for a unix socket, limit 107 bytes; choose a shorter one")
        }
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else {
            throw TakeoverError(
                description: "the process can't open a socket for the takeover: \(String(cString: strerror(errno)))")
        }
        guard address.withSockAddr({ systemConnect(descriptor, $0, socklen_t($1)) }) == 0 else {
            let code = errno
            close(descriptor)
            switch code {
            case ENOENT, ECONNREFUSED, ENOTDIR:
                throw TakeoverError(description: "no gateway answers at \(path); start it without --takeover")
            case EAGAIN:
                throw TakeoverError(description: "the gateway at \(path) is busy with another takeover; try again")
            case EACCES:
                throw TakeoverError(
                    description:
                        "permission denied for \(path); take over as the user that runs the gateway")
            default:
                throw TakeoverError(description: "can't connect to \(path): \(String(cString: strerror(code)))")
            }
        }
        return descriptor
    }

    private static func ask(
        _ connection: TakeoverConnection, path: String, user: UInt32, times: TakeoverTimes
    ) throws -> [TakeoverSocket] {
        let peer = try connection.peer()
        guard peer.user == user else {
            throw TakeoverError(
                description: "expected the gateway at \(path) to run as user \(user), as this process does, "
                    + "found user \(peer.user); take over as that user")
        }
        let deadline = ContinuousClock.now + times.offer
        let hello = TakeoverMessage.Hello(sluice: TakeoverMessage.version, pid: Int(getpid()))
        guard let line = try connection.ask(try TakeoverMessage.line(hello), by: deadline) else {
            throw TakeoverError(description: "the gateway at \(path) ended while it was asked; try again")
        }
        let offer = try TakeoverMessage.read(TakeoverMessage.Offer.self, from: line)
        return try share(connection.takeDescriptors(), among: offer.sockets)
    }

    /// Closes the descriptors when it throws.
    static func share(
        _ descriptors: [CInt], among sockets: [TakeoverMessage.Offer.Socket]
    ) throws -> [TakeoverSocket] {
        var rest = descriptors[...]
        let shared = sockets.compactMap { socket -> TakeoverSocket? in
            guard socket.count > 0, socket.count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(socket.count) }
            return TakeoverSocket(
                name: socket.name, address: socket.address, descriptors: Array(rest.prefix(socket.count)))
        }
        guard shared.count == sockets.count, rest.isEmpty else {
            for descriptor in descriptors { close(descriptor) }
            throw TakeoverError(
                description:
                    "the running gateway sent \(descriptors.count) descriptors, expected the number that it named")
        }
        return shared
    }
}

private func systemConnect(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
    connect(descriptor, address, size)
}
