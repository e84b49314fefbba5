public import GatewayConfig
public import NIOCore
public import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A listening unix socket whose file is this process's own.
///
/// NIO would remove the file by its path when it closes, which may meanwhile be that of a successor. Here it goes only
/// while it is the one that was made.
public struct UnixListeningSocket: Sendable {
    public let channel: any Channel
    private let path: String
    private let identity: Identity

    /// Replaces a socket file that is there. Mode and owners are set before anyone can connect.
    ///
    /// - Parameter bootstrap: sets up the listening socket's pipeline and those of its connections.
    /// - Throws: `UnixSocketError`, with nothing left behind, or what NIO says.
    public static func bind(
        _ bootstrap: ServerBootstrap, path: String, access: UnixSocketAccess, backlog: Int32
    ) async throws -> UnixListeningSocket {
        let (descriptor, identity) = try open(path: path, access: access, backlog: backlog)
        do {
            let channel = try await bootstrap.withBoundSocket(descriptor).get()
            return UnixListeningSocket(channel: channel, path: path, identity: identity)
        } catch {
            remove(path, identity)
            throw error
        }
    }

    public func close() async {
        Self.remove(path, identity)
        try? await channel.close()
    }

    private static func open(
        path: String, access: UnixSocketAccess, backlog: Int32
    ) throws -> (descriptor: CInt, identity: Identity) {
        let address = try SocketAddress(unixDomainSocketPath: path)
        if let type = Identity.type(of: path) {
            guard type == S_IFSOCK else {
                throw UnixSocketError(
                    description: "expected a socket or nothing at \(path), found a file of another kind")
            }
            try check(unlink(path), "the socket that is there can't be removed")
        }
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        try checkSystem(descriptor)
        do {
            try checkSystem(address.withSockAddr { bindSocket(descriptor, $0, socklen_t($1)) })
            guard let identity = Identity(of: path) else {
                throw UnixSocketError(description: "the socket was removed while it was made")
            }
            do {
                try apply(access, to: path)
                // Before this, connecting is refused.
                try checkSystem(listen(descriptor, backlog))
            } catch {
                remove(path, identity)
                throw error
            }
            return (descriptor, identity)
        } catch {
            closeDescriptor(descriptor)
            throw error
        }
    }

    private static func apply(_ access: UnixSocketAccess, to path: String) throws {
        if access.owner != nil || access.group != nil {
            let asItIs = UInt32.max
            try check(
                lchown(path, access.owner ?? asItIs, access.group ?? asItIs),
                "owner and group can't be set (only root may give a file away; a group has to be one of the process's)")
        }
        if let mode = access.mode { try check(chmod(path, mode), "mode can't be set") }
    }

    private static func remove(_ path: String, _ identity: Identity) {
        if Identity(of: path) == identity { _ = unlink(path) }
    }

    /// What there are words for already (`ListenFailure`).
    private static func checkSystem(_ result: CInt) throws {
        guard result < 0 else { return }
        throw IOError(errnoCode: errno, reason: "listening on a unix socket")
    }

    private static func check(_ result: CInt, _ what: String) throws {
        guard result < 0 else { return }
        throw UnixSocketError(description: "\(what): \(String(cString: strerror(errno)))")
    }
}

/// Why a unix socket can't be listened on.
public struct UnixSocketError: Error, CustomStringConvertible {
    public let description: String
}

private func closeDescriptor(_ descriptor: CInt) { close(descriptor) }

/// `bind` and `close` are this type's own words as well.
private func bindSocket(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
    bind(descriptor, address, size)
}

/// Which file it is, whatever its path.
private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64
    /// An inode's number may be used again at once. Connecting does not change this time.
    var born: [Int]

    init?(of path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        born = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }

    /// nil: there is nothing.
    static func type(of path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}
