import GatewayPolicy
import NIOCore

extension ClientAddress {
    /// Of the peer. Without text in between: every connection comes by here.
    init(of channel: (any Channel)?) {
        guard let address = channel?.remoteAddress, address.port != nil else {
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
