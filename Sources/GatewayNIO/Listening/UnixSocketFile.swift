import GatewayConfig
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The file of a listening unix socket, known again whatever becomes of its path: it is taken away only while it is
/// the one that was made, not that of a successor.
struct UnixSocketFile: Sendable {
    let path: String
    private let identity: Identity
    /// As it was found: what a configuration that says nothing goes back to.
    private let made: Access

    /// The socket that is there now; nil when there is none.
    init?(at path: String) {
        guard Identity.type(of: path) == S_IFSOCK, let identity = Identity(of: path), let made = Access(of: path) else {
            return nil
        }
        self.path = path
        self.identity = identity
        self.made = made
    }

    /// Makes a listening socket and its file. A socket file that nobody listens on any more is replaced. Mode and
    /// owners are set before anyone can connect.
    ///
    /// - Parameter replacesLive: also replaces one on which somebody listens, who then is no longer reached.
    /// - Throws: `UnixSocketError` for a file of another kind, `IOError` for what the system refuses (EADDRINUSE where
    ///   somebody listens), with nothing left behind.
    static func listen(
        at path: String, access: UnixSocketAccess, backlog: Int32, replacesLive: Bool
    ) throws -> (descriptor: CInt, file: UnixSocketFile) {
        let address = try SocketAddress(unixDomainSocketPath: path)
        if let type = Identity.type(of: path) {
            guard type == S_IFSOCK else {
                throw UnixSocketError(
                    description: "expected a socket or nothing at \(path), found a file of another kind")
            }
            if !replacesLive { try checkUnused(address) }
            // Another process may have found it unused as well.
            guard unlink(path) == 0 || errno == ENOENT else {
                throw IOError(errnoCode: errno, reason: "the gateway can't remove the old socket")
            }
        }
        let descriptor = try SocketCall.make(family: AF_UNIX)
        do {
            try SocketCall.bind(descriptor, to: address)
            guard let file = UnixSocketFile(at: path) else {
                throw UnixSocketError(description: "another process removed the socket while the gateway made it")
            }
            do {
                try file.apply(access)
                // Before this, connecting is refused.
                try SocketCall.check(systemListen(descriptor, backlog), "listen")
            } catch {
                file.remove()
                throw error
            }
            return (descriptor, file)
        } catch {
            SocketCall.close([descriptor])
            throw error
        }
    }

    /// Only a connection shows whether somebody listens: a process that was killed leaves its file.
    private static func checkUnused(_ address: SocketAddress) throws {
        let probe = try SocketCall.make(family: AF_UNIX)
        defer { SocketCall.close([probe]) }
        let result = address.withSockAddr { systemConnect(probe, $0, socklen_t($1)) }
        // EAGAIN: a full queue, which somebody has; EPROTOTYPE: a socket of datagrams, which needs no queue.
        guard result == 0 || errno == EAGAIN || errno == EPROTOTYPE else { return }
        throw IOError(errnoCode: EADDRINUSE, reason: "bind")
    }

    /// Sets mode and owners; those that are not said are as the file was made.
    func apply(_ access: UnixSocketAccess) throws {
        let wanted = Access(
            mode: access.mode ?? made.mode, owner: access.owner ?? made.owner, group: access.group ?? made.group)
        guard let now = Access(of: path), now != wanted else { return }
        if now.owner != wanted.owner || now.group != wanted.group {
            guard lchown(path, wanted.owner, wanted.group) == 0 else {
                throw Self.refused(
                    "owner and group", "only root can change the owner, and the group must be one of the process's")
            }
        }
        if now.mode != wanted.mode {
            guard chmod(path, wanted.mode) == 0 else {
                throw Self.refused("mode", "the process must own the file")
            }
        }
    }

    /// What the number of the error alone would say is about binding.
    private static func refused(_ what: String, _ remedy: String) -> UnixSocketError {
        UnixSocketError(description: "the gateway can't set its \(what): \(SystemErrorText.words(errno)); \(remedy)")
    }

    /// Does nothing when the path has become another file's.
    func remove() {
        if Identity(of: path) == identity { _ = unlink(path) }
    }
}

/// Why a unix socket can't be listened on.
public struct UnixSocketError: Error, CustomStringConvertible {
    public let description: String
}

/// `listen` is this type's own word as well.
private func systemListen(_ descriptor: CInt, _ backlog: Int32) -> CInt { listen(descriptor, backlog) }

private func systemConnect(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
    connect(descriptor, address, size)
}

/// Who may do what with a file.
private struct Access: Equatable {
    var mode: mode_t
    var owner: uid_t
    var group: gid_t
}

extension Access {
    init?(of path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.init(mode: status.st_mode & 0o7777, owner: status.st_uid, group: status.st_gid)
    }
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
