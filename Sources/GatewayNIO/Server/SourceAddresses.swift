import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The addresses of this machine that connections to an upstream come from, in turn: each has ports of its own towards a
/// server. Shared by all event loops.
final class SourceAddresses: Sendable {
    private let ipv4: [SocketAddress]
    private let ipv6: [SocketAddress]
    private let turns = Atomic<UInt>(0)
    /// Those that turned out not to be this machine's, and were told of.
    private let foreign = Mutex<Set<SocketAddress>>([])

    /// nil: there are none.
    init?(_ addresses: [String]) {
        guard !addresses.isEmpty else { return nil }
        let known = addresses.compactMap { try? SocketAddress(ipAddress: $0, port: 0) }
        ipv4 = known.filter { $0.protocol == .inet }
        ipv6 = known.filter { $0.protocol == .inet6 }
    }

    /// The order in which to try them for one connection; empty where none is of the server's family.
    func order(towards server: SocketAddress) -> [SocketAddress] {
        let addresses =
            switch server.protocol {
            case .inet: ipv4
            case .inet6: ipv6
            default: [] as [SocketAddress]
            }
        guard addresses.count > 1 else { return addresses }
        let turn = turns.wrappingAdd(1, ordering: .relaxed).oldValue
        let first = Int(turn % UInt(addresses.count))
        return Array(addresses[first...] + addresses[..<first])
    }

    /// Whether it is one of this machine now.
    static func isLocal(_ address: SocketAddress) -> Bool {
        guard let probe = try? SocketCall.make(family: address.protocol == .inet6 ? AF_INET6 : AF_INET) else {
            return true
        }
        defer { SocketCall.close([probe]) }
        do {
            try SocketCall.bind(probe, to: address)
            return true
        } catch {
            return (error as? IOError)?.errnoCode != EADDRNOTAVAIL
        }
    }

    /// - Returns: whether that is news.
    func isForeign(_ address: SocketAddress) -> Bool { foreign.withLock { $0.insert(address).inserted } }

    /// It was connected from.
    func worked(_ address: SocketAddress) {
        foreign.withLock { foreign in
            if !foreign.isEmpty { foreign.remove(address) }
        }
    }
}

/// An address of `source` is not this machine's.
struct ForeignSource: WordedError {
    let address: String
    var description: String {
        "\(address) in source is not an address of this machine; ip address shows its addresses"
    }
}
