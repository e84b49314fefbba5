public import GatewayTLS

extension StreamSocket {
    /// How the connection is protected; nil: it is in the clear, or its handshake is not done.
    public var protection: TLSProtection? { isHandshaking ? nil : tls?.protection }
}

extension SocketChannel {
    /// How the connection is protected; nil: it is in the clear, or its handshake is not done, or it has closed.
    public var protection: TLSProtection? { socket?.protection }
}
