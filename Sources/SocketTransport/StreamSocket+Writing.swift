import GatewayTLS
public import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension StreamSocket {
    /// Takes bytes, which wait until `flush`.
    public func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, isOpen, !outputIsEnding else { return }
        if unflushed == nil { unflushed = bytes } else { moreUnflushed.append(bytes) }
        unflushedBytes += bytes.readableBytes
        noteWritability()
    }

    /// Bytes that were written and are not with the kernel.
    public var bufferedBytes: Int { unflushedBytes + (waiting?.readableBytes ?? 0) }

    /// Whether everything that was flushed is with the kernel.
    public var isDrained: Bool { waiting == nil }

    /// Hands what was written to the kernel, in as few calls as can be. What it does not take is copied, as the memory may be
    /// that of all sockets, and goes when the socket is ready for more.
    public func flush() {
        if unflushed == nil || isHandshaking { return }
        guard let first = unflushed.take() else { return }
        unflushedBytes = 0
        if moreUnflushed.isEmpty {
            first.withUnsafeReadableBytes { sendPlain($0) }
        } else {
            var more: [ByteBuffer] = []
            swap(&more, &moreUnflushed)
            loop.buffers.gather(first, more) { sendPlain($0) }
        }
        noteWritability()
    }

    /// Ends the sending half behind everything that was written (shutdown(2)).
    public func endOutput() {
        guard isOpen, !outputIsEnding else { return }
        flush()
        guard isOpen else { return }
        tls?.end()
        sendTLSOutput()
        outputIsEnding = true
        if isOpen, isDrained { finishOutput() }
    }

    private func finishOutput() {
        guard isOpen else { return }
        if kind == .pipe { return close(because: nil) }
        _ = shutdown(descriptor, CInt(SHUT_WR))
        outputHasEnded = true
        delegate?.socketOutputEnded(self)
        if isOpen, inputHasEnded { close(because: nil) }
    }

    // MARK: Towards the kernel

    private func sendPlain(_ bytes: UnsafeRawBufferPointer) {
        if let tls { encrypt(bytes, by: tls) } else { send(bytes) }
    }

    /// Sends wire bytes; what the kernel does not take waits.
    func send(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen else { return }
        if waiting != nil { return keep(bytes) }
        let count = transmit(bytes)
        if count < bytes.count { keep(UnsafeRawBufferPointer(rebasing: bytes[count...])) }
    }

    /// - Returns: how many bytes the kernel has taken. The socket may be closed then.
    private func transmit(_ bytes: UnsafeRawBufferPointer) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = SystemCall.write(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[sent...]), isSocket: kind == .socket)
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR:
                continue
            case EAGAIN:
                return sent
            default:
                close(because: IOError(errnoCode: errno, reason: "write"))
                return sent
            }
        }
        return sent
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen else { return }
        if waiting == nil {
            waiting = ByteBuffer(bytes: bytes)
            loopWatches()
        } else {
            waiting?.discardReadBytes()
            waiting?.writeBytes(bytes)
        }
    }

    /// The socket is ready for more.
    func sendWaiting() {
        guard var bytes = waiting.take() else { return }
        let count = bytes.withUnsafeReadableBytes { transmit($0) }
        guard isOpen else { return }
        bytes.moveReaderIndex(forwardBy: count)
        if bytes.readableBytes > 0 { waiting = bytes }
        noteWritability()
        guard isOpen, waiting == nil else { return }
        loopWatches()
        delegate?.socketDrained(self)
        if isOpen, isDrained, outputIsEnding, !outputHasEnded { finishOutput() }
    }

    private func noteWritability() {
        let count = bufferedBytes
        guard isWritable ? count > watermarks.high : count < watermarks.low else { return }
        isWritable.toggle()
        delegate?.socketWritabilityChanged(self)
    }
}
