import GatewayConfig
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Sockets that another process has opened, each known to listen on the address they are meant for.
struct AdoptedSockets {
    let boundAddress: Address
    private let bound: SocketAddress
    private let descriptors: [CInt]

    /// Makes them non-blocking and keeps them from child processes. Closes none.
    ///
    /// - Throws: `AdoptionError`, or that a name has no address.
    init(_ descriptors: [CInt], of address: Address) throws {
        let expected = try Expectation(address)
        var bound: SocketAddress?
        for descriptor in descriptors {
            let found = try Self.listeningAddress(of: descriptor)
            // With port 0 the first one tells which port it is.
            guard expected.matches(found), bound == nil || bound == found else {
                throw AdoptionError.other(expected: "\(address)", found: Self.text(found))
            }
            bound = found
            try SocketCall.check(fcntl(descriptor, F_SETFD, FD_CLOEXEC), "fcntl FD_CLOEXEC")
            let flags = try SocketCall.check(fcntl(descriptor, F_GETFL, 0), "fcntl F_GETFL")
            try SocketCall.check(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK), "fcntl O_NONBLOCK")
        }
        guard let bound else { throw AdoptionError.none(of: "\(address)") }
        self.bound = bound
        self.descriptors = descriptors
        if case .tcp(let host, let port) = address {
            boundAddress = .tcp(host: host, port: bound.port ?? port)
        } else {
            boundAddress = address
        }
    }

    /// As many more sockets of the address as `count` wants and the system allows.
    func openSiblings(upTo count: Int, backlog: Int32) -> [CInt] {
        guard case .tcp = boundAddress,
            descriptors.allSatisfy({ SocketCall.option(SO_REUSEPORT, of: $0) == 1 })
        else { return [] }
        var siblings: [CInt] = []
        while descriptors.count + siblings.count < count,
            // The sockets that came serve alone as well; it fails for one when they are another user's.
            let sibling = try? TCPListening.open(bound, backlog: backlog, isShared: true)
        {
            siblings.append(sibling)
        }
        return siblings
    }

    private static func listeningAddress(of descriptor: CInt) throws -> SocketAddress {
        guard let type = SocketCall.option(SO_TYPE, of: descriptor) else {
            throw AdoptionError.notListening(descriptor, "is not a socket")
        }
        guard type == CInt(SOCK_STREAM.rawValue) else {
            throw AdoptionError.notListening(descriptor, "is not a stream socket")
        }
        guard SocketCall.option(SO_ACCEPTCONN, of: descriptor) == 1 else {
            throw AdoptionError.notListening(descriptor, "is a socket that does not listen")
        }
        guard let address = try SocketCall.address(of: descriptor) else {
            throw AdoptionError.notListening(descriptor, "listens on neither TCP nor a unix path")
        }
        return address
    }

    private static func text(_ address: SocketAddress) -> String {
        if let host = address.ipAddress { return "\(Address.tcp(host: host, port: address.port ?? 0))" }
        return "\(Address.unix(path: address.pathname ?? ""))"
    }

    private enum Expectation {
        case unix(path: String)
        /// port nil: any.
        case tcp(ips: [String], port: Int?)

        init(_ address: Address) throws {
            switch address {
            case .unix(let path): self = .unix(path: path)
            case .tcp(let host, let port):
                let ips = try ServerAddresses.lookUp(host, port: port).compactMap(\.ipAddress)
                self = .tcp(ips: ips, port: port == 0 ? nil : port)
            }
        }

        func matches(_ found: SocketAddress) -> Bool {
            switch self {
            case .unix(let path): return found.protocol == .unix && found.pathname == path
            case .tcp(let ips, let port):
                guard let ip = found.ipAddress else { return false }
                return ips.contains(ip) && (port == nil || port == found.port)
            }
        }
    }
}

/// Why sockets that were handed over can't be listened on.
public enum AdoptionError: Error, Equatable, CustomStringConvertible {
    case none(of: String)
    case notListening(CInt, String)
    case other(expected: String, found: String)
    case fileIsGone(String)

    public var description: String {
        switch self {
        case .none(let address): "expected a listening socket of \(address), got none"
        case .notListening(let descriptor, let what):
            "expected a listening stream socket, got descriptor \(descriptor), which \(what)"
        case .other(let expected, let found): "expected a listening socket of \(expected), got one of \(found)"
        case .fileIsGone(let path): "expected the file of the socket at \(path), found none, so no client could connect"
        }
    }
}
