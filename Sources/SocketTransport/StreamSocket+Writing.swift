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
        guard bytes.readableBytes > 0, isOpen, !outputIsEnding, failure == nil else { return }
        if unflushed == nil { unflushed = bytes } else { moreUnflushed.append(bytes) }
        unflushedBytes += bytes.readableBytes
        noteWritability()
    }

    /// Bytes that were written and are not with the kernel.
    public var bufferedBytes: Int { unflushedBytes + (waiting?.readableBytes ?? 0) }

    /// Whether everything that was flushed is with the kernel.
    public var isDrained: Bool { failure == nil && waiting == nil && (unflushed == nil || !isHandshaking) }

    /// Hands what was written to the kernel, in as few calls as can be. What it does not take is copied, as the memory may be
    /// that of all sockets, and goes when the socket is ready for more.
    public func flush() {
        if unflushed == nil || isHandshaking { return }
        sendUnflushed()
        closeIfBroken()
        if isOpen { noteWritability() }
    }

    private func sendUnflushed() {
        guard failure == nil, let first = unflushed.take() else { return }
        unflushedBytes = 0
        if moreUnflushed.isEmpty {
            first.withUnsafeReadableBytes { sendPlain($0) }
        } else {
            var more: [ByteBuffer] = []
            swap(&more, &moreUnflushed)
            loop.buffers.gather(first, more) { sendPlain($0) }
        }
    }

    /// Closes the socket when its connection is broken and nothing is left to be read.
    ///
    /// What the peer has sent before it reset the connection is still with the kernel, and may say why: it is read when it
    /// is asked for, as if nothing had happened. What was written is lost.
    func closeIfBroken() {
        guard let failure, isOpen else { return }
        unflushed = nil
        moreUnflushed = []
        unflushedBytes = 0
        waiting = nil
        let isLeft = Self.endsInput(failure) && !inputHasEnded && !isHandshaking && loop.calls.hasUnread(descriptor)
        guard isLeft else { return close(because: failure) }
        loopWatches()
        awaitReader()
        // What waited is lost, so whoever waits for room has it.
        noteWritability()
    }

    /// Closes a broken socket that nobody reads: its owner may wait for a peer that never goes on.
    private func awaitReader() {
        guard !awaitsReader else {
            hasBeenRead = true
            return
        }
        awaitsReader = true
        hasBeenRead = false
        loop.assumeIsolated().scheduleTask(in: loop.patienceForReaders) { [weak self] in
            guard let self, self.isOpen, let failure = self.failure else { return }
            self.awaitsReader = false
            if self.hasBeenRead { self.awaitReader() } else { self.close(because: failure) }
        }
    }

    /// Whether nothing comes after this failure but what the kernel has already: else a peer could send on for ever.
    private static func endsInput(_ failure: any Error) -> Bool {
        guard let code = (failure as? IOError)?.errnoCode else { return false }
        return code == ECONNRESET || code == EPIPE || code == ETIMEDOUT
    }

    /// Ends the sending half behind everything that was written (shutdown(2)).
    public func endOutput() {
        guard isOpen, !outputIsEnding else { return }
        flush()
        guard isOpen, !outputIsEnding else { return }
        outputIsEnding = true
        // Behind the handshake goes what was written before its end.
        if !isHandshaking { endBehindWritten() }
    }

    func endBehindWritten() {
        tls?.end()
        sendTLSOutput()
        closeIfBroken()
        if isOpen, isDrained { finishOutput() }
    }

    private func finishOutput() {
        guard isOpen, !outputHasEnded else { return }
        if kind == .pipe { return close(because: nil) }
        loop.calls.endOutput(descriptor)
        outputHasEnded = true
        delegate?.socketOutputEnded(self)
        if isOpen, inputHasEnded { close(because: nil) }
    }

    // MARK: Towards the kernel

    private func sendPlain(_ bytes: UnsafeRawBufferPointer) {
        if let tls { encrypt(bytes, by: tls) } else { send(bytes) }
    }

    /// Sends wire bytes; what the kernel does not take waits. Where it takes nothing more, the caller closes the socket in the
    /// end by `closeIfBroken`.
    func send(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen, failure == nil else { return }
        if waiting != nil { return keep(bytes) }
        let count = transmit(bytes)
        if count < bytes.count { keep(UnsafeRawBufferPointer(rebasing: bytes[count...])) }
    }

    /// - Returns: how many bytes the kernel has taken. `failure` says when it takes nothing more.
    private func transmit(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = loop.calls.write(descriptor, bytes, isSocket: kind == .socket)
            // Where it has taken a part, there is no room: asking again would be a call for nothing.
            if count >= 0 { return count }
            switch errno {
            case EINTR:
                continue
            case EAGAIN:
                return 0
            default:
                failure = IOError(errnoCode: errno, reason: "write")
                return 0
            }
        }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil else { return }
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
        closeIfBroken()
        guard isOpen, failure == nil else { return }
        bytes.moveReaderIndex(forwardBy: count)
        if bytes.readableBytes > 0 { waiting = bytes }
        noteWritability()
        guard isOpen, waiting == nil else { return }
        loopWatches()
        // Something else may wait for the handshake's end.
        guard isDrained else { return }
        delegate?.socketDrained(self)
        if isOpen, isDrained, outputIsEnding, !isHandshaking { finishOutput() }
    }

    private func noteWritability() {
        let count = bufferedBytes
        guard isWritable ? count > watermarks.high : count < watermarks.low else { return }
        isWritable.toggle()
        delegate?.socketWritabilityChanged(self)
    }
}
