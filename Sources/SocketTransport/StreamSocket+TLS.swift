public import GatewayTLS
public import NIOCore

/// TLS below whoever uses the socket: wire bytes are decrypted into the buffer of the loop, and what is written is
/// encrypted on its way to the kernel.
extension StreamSocket {
    /// From now on the connection speaks TLS, as a client's server.
    ///
    /// - Parameter early: wire bytes that came before.
    /// - Throws: `TLSFailure`, where memory is short.
    public func startTLS(server context: TLSServerContext, early: ByteBuffer? = nil) throws(TLSFailure) {
        tls = try TLSConnection(server: context, workspace: loop.buffers.tls)
        beginHandshake()
        early?.withUnsafeReadableBytes { _ = decrypt($0) }
        closeIfBroken()
    }

    /// From now on the connection speaks TLS, as a server's client.
    ///
    /// - Parameters:
    ///   - peer: what the server's certificate has to be for.
    ///   - address: which server it is: sessions are resumed with the same alone.
    /// - Throws: `TLSFailure`, where memory is short or the name can't be used.
    public func startTLS(
        client context: TLSClientContext, peer: TLSPeerName, address: String
    ) throws(TLSFailure) {
        let connection = try TLSConnection(
            client: context, peer: peer, address: address, workspace: loop.buffers.tls)
        tls = connection
        try connection.start()
        sendTLSOutput()
        beginHandshake()
        closeIfBroken()
    }

    /// Whether TLS was started and its handshake is not done.
    public var isHandshaking: Bool { tls?.isHandshaking ?? false }

    /// What was agreed on; nil: the connection is in the clear.
    public var negotiated: TLSNegotiated? { tls?.negotiated }

    /// The handshake reads on its own account.
    private func beginHandshake() {
        if place != nil { loopWatches() }
    }

    /// Goes on with a handshake when its turn has come.
    func continueHandshake() {
        awaitsHandshakeTurn = false
        if isOpen, !inputHasEnded { receive() }
    }

    // MARK: Reading

    /// Reads wire bytes once, and hands on what they say.
    func takeEncrypted(by connection: TLSConnection) -> Intake {
        let wire: UnsafeRawBufferPointer?
        do {
            wire = try loop.buffers.fillWire { memory throws(IOError) in try readSome(into: memory) }
        } catch {
            close(because: failure ?? error)
            return .over
        }
        guard let wire else { return .nothing }
        guard !wire.isEmpty else {
            if let failure = failure ?? connection.receivedEnd() {
                close(because: failure)
            } else {
                lacksCloseNotify = true
                endInput()
            }
            return .over
        }
        return decrypt(wire)
    }

    private func decrypt(_ wire: UnsafeRawBufferPointer) -> Intake {
        guard let tls else { return .over }
        let received: TLSReceived
        let bytes: ByteBuffer
        do {
            (received, bytes) = try loop.buffers.decrypt(wire, by: tls)
        } catch {
            // The alert that says why (RFC 8446 §6).
            sendTLSOutput()
            close(because: error)
            return .over
        }
        sendTLSOutput()
        if received.hasCompletedHandshake {
            delegate?.socketSecured(self, applicationProtocol: tls.applicationProtocol)
            sendBehindHandshake()
        }
        // It is the peer's, whatever has become of the other direction.
        if bytes.readableBytes > 0, isOpen { deliver(bytes) }
        let tlsFailure = received.failure
        guard isOpen, tlsFailure != nil || received.hasEnded else {
            return isOpen ? .bytes(bytes.readableBytes) : .over
        }
        if bytes.readableBytes > 0 { delegate?.socketReadComplete(self) }
        guard isOpen else { return .over }
        if let tlsFailure { close(because: tlsFailure) } else { endInput() }
        return .over
    }

    /// Sends what had to wait for the handshake.
    private func sendBehindHandshake() {
        guard isOpen, failure == nil else { return }
        let hasWaited = unflushed != nil
        flush()
        if hasWaited, isOpen, isDrained { delegate?.socketDrained(self) }
        if isOpen, outputIsEnding, !outputHasEnded { endBehindWritten() }
    }

    // MARK: Writing

    /// So much is encrypted before it is sent, so that the memory that all share stays small.
    private static let blockSize = 64 * 1024

    func encrypt(_ bytes: UnsafeRawBufferPointer, by connection: TLSConnection) {
        var rest = bytes
        while !rest.isEmpty, failure == nil {
            let count = min(rest.count, Self.blockSize)
            do {
                try connection.send(UnsafeRawBufferPointer(rebasing: rest[..<count]))
            } catch {
                failure = failure ?? error
            }
            sendTLSOutput()
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Sends what TLS has made. The memory is free for other connections afterwards.
    func sendTLSOutput() {
        let workspace = loop.buffers.tls
        guard !workspace.output.isEmpty else { return }
        send(workspace.output)
        workspace.clearOutput()
    }

    /// Says that nothing more comes, as far as the kernel takes it at once, before the socket is closed.
    func sayGoodbye() {
        guard let tls, !tls.isHandshaking, waiting == nil, !outputIsEnding, failure == nil else { return }
        tls.end()
        let workspace = loop.buffers.tls
        if !workspace.output.isEmpty { _ = loop.calls.write(descriptor, workspace.output, isSocket: true) }
        workspace.clearOutput()
    }
}
