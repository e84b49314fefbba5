public import GatewayConfig
import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The sockets that listen on one address: those the gateway has opened, or got from a predecessor or from whatever
/// started it.
///
/// They belong to this object. Whoever accepts on them, or passes them to another process, gets duplicates, which are
/// its own to close. The address is listened on until the last duplicate anywhere is closed, and a connection that
/// waits for `accept` goes to whoever has one. So to stop listening takes both: closing the channels, and `close()`.
public final class ListeningDescriptors: Sendable {
    /// As configured.
    public let address: Address
    /// What the address has become: the port is known where 0 was asked for.
    public let boundAddress: Address

    private struct State {
        /// Empty: closed.
        var descriptors: [CInt]
        /// The file to take away with `close()`; nil on TCP, and where the file is somebody else's.
        var file: UnixSocketFile?
    }

    private let state: Mutex<State>

    private init(address: Address, boundAddress: Address, state: State) {
        self.address = address
        self.boundAddress = boundAddress
        self.state = Mutex(state)
    }

    deinit { close() }

    /// Listens on an address, with the first of the addresses that a name has. Looking a name up blocks.
    ///
    /// On TCP it takes the address for this gateway alone, and then shares it between the sockets (SO_REUSEPORT): an
    /// address that anyone else listens on, whether or not they would share it, is refused.
    ///
    /// - Parameters:
    ///   - access: of a unix socket's file.
    ///   - count: how many sockets a TCP address gets, one at least. A unix socket is always one.
    ///   - backlog: how many connections may wait in each.
    ///   - mayShare: whether sockets that are there already are taken for the gateway's own, when a configuration is
    ///     replaced by one whose addresses overlap: those of TCP are shared, a unix socket's file is replaced.
    /// - Throws: `IOError` for what the system refuses, `UnixSocketError` for a file in the way, or that a name has no
    ///   address; with nothing left behind.
    public static func open(
        _ address: Address, access: UnixSocketAccess = .init(), count: Int, backlog: Int32, mayShare: Bool = false
    ) throws -> ListeningDescriptors {
        switch address {
        case .unix(let path):
            let (descriptor, file) = try UnixSocketFile.listen(
                at: path, access: access, backlog: backlog, replacesLive: mayShare)
            return ListeningDescriptors(
                address: address, boundAddress: address, state: State(descriptors: [descriptor], file: file))
        case .tcp(let host, let port):
            guard let wanted = try ServerAddresses.lookUp(host, port: port).first else {
                throw NameLookupError(description: "the name has no address")
            }
            var descriptors: [CInt] = []
            do {
                descriptors.append(try TCPListening.open(wanted, backlog: backlog, isShared: mayShare))
                guard let bound = try SocketCall.address(of: descriptors[0]) else {
                    throw IOError(errnoCode: EAFNOSUPPORT, reason: "getsockname")
                }
                while descriptors.count < count {
                    descriptors.append(try TCPListening.open(bound, backlog: backlog, isShared: true))
                }
                return ListeningDescriptors(
                    address: address, boundAddress: .tcp(host: host, port: bound.port ?? port),
                    state: State(descriptors: descriptors))
            } catch {
                SocketCall.close(descriptors)
                throw error
            }
        }
    }

    /// Takes sockets over that listen already. They are this object's from the call on, and closed should it throw.
    ///
    /// - Parameters:
    ///   - address: where they have to listen: with port 0 on any port, with a name on any of its addresses.
    ///   - count: how many sockets a TCP address should have. Where there are fewer, and they may be shared
    ///     (SO_REUSEPORT), more are opened; where that fails, those that came do. 0: they are used as they are.
    ///   - backlog: how many connections may wait in each one that is opened.
    ///   - ownsFile: whether a unix socket's file is from now on this process's to take away.
    /// - Throws: `AdoptionError` for a descriptor that is no listening stream socket of that address, or a unix socket
    ///   whose file is gone; or that a name has no address.
    public convenience init(
        adopting descriptors: [CInt], address: Address, count: Int = 0, backlog: Int32 = 0, ownsFile: Bool
    ) throws {
        do {
            let adopted = try AdoptedSockets(descriptors, of: address)
            var file: UnixSocketFile?
            if case .unix(let path) = address, ownsFile {
                file = UnixSocketFile(at: path)
                guard file != nil else { throw AdoptionError.fileIsGone(path) }
            }
            self.init(
                address: address, boundAddress: adopted.boundAddress,
                state: State(
                    descriptors: descriptors + adopted.openSiblings(upTo: count, backlog: backlog), file: file))
        } catch {
            SocketCall.close(descriptors)
            throw error
        }
    }

    /// How many sockets there are; 0 once closed.
    public var count: Int { state.withLock { $0.descriptors.count } }

    /// A new descriptor for each socket, not passed on to child processes: for channels to accept on, or for another
    /// process. They are the caller's to close (NIO's `withBoundSocket` does so with the channel).
    ///
    /// - Throws: `IOError`: EBADF once closed, EMFILE when there is no descriptor left.
    public func duplicates() throws -> [CInt] {
        try state.withLock { state in
            guard !state.descriptors.isEmpty else {
                throw IOError(errnoCode: EBADF, reason: "the listening sockets have been closed")
            }
            var copies: [CInt] = []
            do {
                for descriptor in state.descriptors {
                    copies.append(try SocketCall.check(fcntl(descriptor, F_DUPFD_CLOEXEC, 0), "dup"))
                }
                return copies
            } catch {
                SocketCall.close(copies)
                throw error
            }
        }
    }

    /// Sets mode and owners of a unix socket's file anew. Does nothing on TCP, or where the file is somebody else's.
    ///
    /// - Throws: `IOError`.
    public func apply(_ access: UnixSocketAccess) throws {
        try state.withLock { try $0.file?.apply(access) }
    }

    /// Makes a unix socket's file this one's to take away with `close()`: the predecessor has given it away.
    public func takeFile() {
        guard case .unix(let path) = address else { return }
        state.withLock { state in
            if !state.descriptors.isEmpty { state.file = UnixSocketFile(at: path) }
        }
    }

    /// Leaves a unix socket's file to the successor that got the duplicates: `close()` no longer takes it away.
    public func giveFileAway() { state.withLock { $0.file = nil } }

    /// Closes the sockets, but no duplicate, and takes away the file of a unix socket while it is this one's own.
    public func close() {
        state.withLock { state in
            state.file?.remove()
            SocketCall.close(state.descriptors)
            state = State(descriptors: [])
        }
    }
}
