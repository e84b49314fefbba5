import GatewayConfig
import GatewayPolicy
import NIOCore
import Synchronization

/// Where one server can be reached: one address, or one of each family where its name has no more. Shared by all event
/// loops.
final class ServerAddresses: Sendable {
    private let order = Mutex(AddressOrder<SocketAddress>())

    /// In the order in which to try them; empty: not known yet.
    func order(now: NIODeadline) -> [SocketAddress] { order.withLock { $0.order(now: now) } }

    func worked(_ address: SocketAddress) { order.withLock { $0.worked(address) } }

    func failed(_ address: SocketAddress, now: NIODeadline) { order.withLock { $0.failed(address, now: now) } }

    /// How those fared that stay is remembered.
    func update(_ addresses: [NameExpansion<SocketAddress>.Found]) {
        order.withLock { $0.update(addresses.map { ($0.address, $0.isIPv6) }) }
    }

    /// In no order.
    var all: [SocketAddress] { order(now: .distantPast) }
}

extension SocketAddress {
    /// The one that a configured address is, unless that is a name.
    init?(_ address: Address) {
        let known =
            switch address {
            case .unix(let path): try? SocketAddress(unixDomainSocketPath: path)
            case .tcp(let host, let port): try? SocketAddress(ipAddress: host, port: port)
            }
        guard let known else { return nil }
        self = known
    }

    /// As a configuration would write it; nil: it is no IP address.
    var asConfigured: Address? {
        guard let ipAddress, let port else { return nil }
        return .tcp(host: ipAddress, port: port)
    }
}
