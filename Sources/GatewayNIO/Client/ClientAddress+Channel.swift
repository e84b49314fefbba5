import GatewayPolicy
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension ClientAddress {
    /// Of the peer. Without text in between: every connection comes by here.
    init(of channel: (any Channel)?) {
        switch channel?.remoteAddress {
        case .v4(let address):
            self = .ipv4(UInt32(bigEndian: address.address.sin_addr.s_addr))
        case .v6(let address):
            self = withUnsafeBytes(of: address.address.sin6_addr) { ClientAddress(bytes: $0) } ?? .unix
        case .unixDomainSocket, nil:
            self = .unix
        }
    }
}
