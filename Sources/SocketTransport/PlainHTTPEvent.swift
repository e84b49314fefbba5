public import NIOCore

/// Tells the handlers of a channel that the client speaks HTTP where TLS is expected. The connection is closed next.
public final class PlainHTTPEvent {
    /// Goes out before, as it is. A handler may set it.
    public var answer: ByteBuffer?

    init() {}
}

extension SocketChannel {
    public func socketMetPlainHTTP(_ socket: StreamSocket) -> ByteBuffer? {
        let event = PlainHTTPEvent()
        pipeline.syncOperations.fireUserInboundEventTriggered(event)
        return event.answer
    }
}

extension StreamSocket {
    /// Sends what the delegate has for a client that speaks no TLS, as far as the kernel takes it at once.
    func answerPlainHTTP() {
        guard let answer = delegate?.socketMetPlainHTTP(self), isOpen else { return }
        _ = answer.withUnsafeReadableBytes { loop.calls.write(descriptor, $0, isSocket: true) }
        // Input that nobody has read would turn the end into a reset, which could take the answer with it.
        _ = try? loop.buffers.fillWire { memory throws(IOError) in try readSome(into: memory) }
    }
}
