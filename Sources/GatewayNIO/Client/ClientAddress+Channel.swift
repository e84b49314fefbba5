import GatewayPolicy
import NIOCore

extension ClientAddress {
    /// Of the peer.
    init(of channel: (any Channel)?) { self.init(channel?.remoteAddress) }

    /// What is no IP address is unix. Without text in between: every connection comes by here.
    init(_ address: SocketAddress?) {
        guard let address, address.port != nil else {
            self = .unix
            return
        }
        // sockaddr_in has its address behind family and port, sockaddr_in6 behind the flow as well.
        self = address.withSockAddr { socketAddress, size -> ClientAddress in
            let bytes = UnsafeRawBufferPointer(start: socketAddress, count: size)
            let (start, count) = address.protocol == .inet6 ? (8, 16) : (4, 4)
            guard bytes.count >= start + count else { return .unix }
            return ClientAddress(bytes: bytes[start..<(start + count)]) ?? .unix
        }
    }
}
