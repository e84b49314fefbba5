import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension StreamSocket {
    /// What one read has come to.
    enum Intake {
        /// So many bytes were handed on. In TLS that may be none: they were the beginning of a record, or no data.
        case bytes(Int)
        /// Nothing is there now.
        case nothing
        /// The end of the input, or of the socket. Either has been told.
        case over
    }

    /// The most that is read ahead of what was asked for, to find an end that is known to be there.
    private static let readAhead = 256 * 1024

    /// Reads once. What is left is read in the next turn, after the other sockets.
    func receive() {
        if case .bytes(let count) = takeInput(), count > 0 { delegate?.socketReadComplete(self) }
        closeIfBroken()
    }

    /// Gives what has come, which is what was asked for. As long as nothing comes of a read, that still stands.
    func deliver(_ bytes: ByteBuffer) {
        wantsRead = false
        delegate?.socket(self, received: bytes)
    }

    /// Reads what stands before the end of the input, though nobody has asked for it: who waits for something else is to
    /// learn that the peer has left.
    func receiveToEnd() {
        var left = Self.readAhead
        // Whoever takes the socket over on the way has not asked for it.
        while left > 0, noticesEnd, case .bytes(let count) = takeInput() {
            if count > 0 { delegate?.socketReadComplete(self) }
            left -= max(1, count)
        }
        closeIfBroken()
        guard isOpen, !inputHasEnded else { return }
        // What is left of it waits until it is asked for.
        hasReadAhead = noticesEnd
        loopWatches()
    }

    private func takeInput() -> Intake {
        guard isOpen, !inputHasEnded else { return .over }
        if let tls { return takeEncrypted(by: tls) }
        let bytes: ByteBuffer?
        do {
            bytes = try loop.buffers.fill { memory throws(IOError) in try readSome(into: memory) }
        } catch {
            close(because: failure ?? error)
            return .over
        }
        guard let bytes else { return .nothing }
        guard bytes.readableBytes > 0 else {
            // Once the kernel has told of a reset, it tells of an end like any other.
            if let failure { close(because: failure) } else { endInput() }
            return .over
        }
        deliver(bytes)
        return .bytes(bytes.readableBytes)
    }

    /// - Returns: how many bytes came, 0 at the end of the input; nil: nothing is there now.
    func readSome(into memory: UnsafeMutableRawBufferPointer) throws(IOError) -> Int? {
        while true {
            let count = loop.calls.read(descriptor, memory)
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw IOError(errnoCode: errno, reason: "read")
            }
        }
    }

    func endInput() {
        inputHasEnded = true
        delegate?.socketInputEnded(self)
        guard isOpen else { return }
        if outputHasEnded || kind == .pipe { return close(because: nil) }
        loopWatches()
    }
}
