#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A listening socket that systemd has opened, by the name it was given (`FileDescriptorName=`).
public struct SystemdSocket: Equatable, Sendable {
    /// That of a listener; several sockets may have one.
    public var name: String
    public var descriptor: CInt

    public init(name: String, descriptor: CInt) {
        self.name = name
        self.descriptor = descriptor
    }
}

/// Socket activation, as sd_listen_fds(3) describes it.
public enum SystemdSockets {
    /// SD_LISTEN_FDS_START: those before are standard input, output and error.
    static let firstDescriptor: CInt = 3
    private static let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]

    /// The sockets that were passed to this process; empty: it was started without.
    ///
    /// They belong to the caller from here on: programs that this process starts inherit neither them nor the variables,
    /// which are unset. To be called once, before there are threads.
    ///
    /// - Throws: `StartError` for variables that are malformed, and for a descriptor that is no listening stream socket.
    public static func take() throws -> [SystemdSocket] {
        var environment: [String: String] = [:]
        for name in variables { environment[name] = getenv(name).map { String(cString: $0) } }
        let sockets = try parse(environment, processID: getpid())
        for name in variables { unsetenv(name) }
        for socket in sockets { try adopt(socket) }
        return sockets
    }

    /// What the variables say.
    ///
    /// - Parameters:
    ///   - environment: `LISTEN_PID`, `LISTEN_FDS` and, where there are names, `LISTEN_FDNAMES`.
    ///   - processID: of this process. Variables that are meant for another one, its parent for instance, say nothing.
    /// - Throws: `StartError` for variables that are malformed.
    static func parse(_ environment: [String: String], processID: Int32) throws -> [SystemdSocket] {
        guard let process = environment["LISTEN_PID"], let countText = environment["LISTEN_FDS"] else { return [] }
        guard let process = Int32(process) else {
            throw StartError(
                description:
                    "LISTEN_PID is \(quoted(process)), expected the number of a process; only systemd"
                    + " should set it")
        }
        guard process == processID else { return [] }
        guard let count = Int32(countText), (0...4096).contains(count) else {
            throw StartError(
                description:
                    "LISTEN_FDS is \(quoted(countText)), expected a number of sockets up to 4096; only"
                    + " systemd should set it")
        }
        guard count > 0 else { return [] }
        guard let list = environment["LISTEN_FDNAMES"] else {
            throw StartError(
                description:
                    "systemd passed \(count) sockets without names; set FileDescriptorName= in each systemd socket"
                    + " unit to the name of a listener")
        }
        let names = list.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard names.count == count else {
            throw StartError(
                description: "LISTEN_FDNAMES has \(names.count) names, expected \(count) as LISTEN_FDS says; set"
                    + " FileDescriptorName= in each systemd socket unit to the name of a listener")
        }
        return zip(names, firstDescriptor...).map { SystemdSocket(name: $0, descriptor: $1) }
    }

    /// Checks that a descriptor is what was promised, and keeps it from programs that this process starts.
    ///
    /// - Throws: `StartError` for anything but a listening stream socket of TCP or a unix path.
    static func adopt(_ socket: SystemdSocket) throws {
        func refuse(_ found: String) -> StartError {
            StartError(
                description:
                    "systemd's socket \(quoted(socket.name)) (descriptor \(socket.descriptor)) is \(found), expected"
                    + " a listening stream socket: use ListenStream= and Accept=no in its unit")
        }
        guard let type = option(SO_TYPE, of: socket.descriptor) else {
            throw refuse(errno == EBADF ? "not open" : "not a socket")
        }
        guard type == CInt(SOCK_STREAM.rawValue) else { throw refuse("of another type") }
        guard let family = option(SO_DOMAIN, of: socket.descriptor), [AF_INET, AF_INET6, AF_UNIX].contains(family)
        else {
            throw refuse("of another family than IPv4, IPv6 and unix")
        }
        guard option(SO_ACCEPTCONN, of: socket.descriptor) == 1 else { throw refuse("not listening") }
        let flags = fcntl(socket.descriptor, F_GETFD)
        guard flags >= 0, fcntl(socket.descriptor, F_SETFD, flags | FD_CLOEXEC) == 0 else { throw refuse("not usable") }
    }

    /// nil: `errno` says why.
    private static func option(_ name: CInt, of descriptor: CInt) -> CInt? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    private static func quoted(_ text: String) -> String { "\"\(text.prefix(64))\"" }
}
