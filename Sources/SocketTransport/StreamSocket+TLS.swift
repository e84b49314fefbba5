public import GatewayTLS
public import NIOCore

/// TLS below whoever uses the socket: wire bytes are decrypted into the buffer of the loop, and what is written is
/// encrypted on its way to the kernel.
extension StreamSocket {
    /// From now on the connection speaks TLS, as a client's server. The handshake begins with the client's first byte,
    /// once it has a place among those that are under way on the loop.
    ///
    /// - Parameter early: wire bytes that came before. They are copied where they have to wait.
    public func startTLS(server context: TLSServerContext, early: ByteBuffer? = nil) {
        let handshake = ClientHandshake(of: self, with: context)
        clientHandshake = handshake
        beginHandshake()
        guard let early, early.readableBytes > 0 else { return }
        if loop.handshakes.admit(handshake) {
            begin(handshake, early: early)
        } else {
            // The memory may be that of all sockets.
            handshake.early = ByteBuffer(bytes: early.readableBytesView)
        }
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
        do {
            try connection.start()
        } catch {
            // The peer knows of no TLS yet. What was made of it would go to whoever uses the workspace next.
            loop.buffers.tls.clearOutput()
            throw error
        }
        tls = connection
        sendTLSOutput()
        beginHandshake()
        closeIfBroken()
    }

    /// Whether TLS was started and its handshake is not done.
    public var isHandshaking: Bool { clientHandshake != nil || tls?.isHandshaking ?? false }

    /// What was agreed on; nil: the connection is in the clear.
    public var negotiated: TLSNegotiated? { tls?.negotiated }

    /// The handshake reads on its own account.
    private func beginHandshake() {
        if place != nil { loopWatches() }
    }

    /// Whether a handshake waits for something else than its peer: a place, or a private key.
    var handshakeStandsStill: Bool { awaitsKey || clientHandshake?.stage == .inLine }

    /// Whether a private key is to be used for a client. One that ends its sending half meanwhile can't complete its
    /// handshake, so that the key would be used for nobody.
    var awaitsKeyForClient: Bool { awaitsKey && clientHandshake != nil }

    /// Goes on with a handshake when its turn has come.
    func continueHandshake() {
        awaitsHandshakeTurn = false
        guard isOpen, !inputHasEnded else { return }
        if let clientHandshake, tls == nil {
            // It was given a place by the end of another, or takes one now.
            guard loop.handshakes.admit(clientHandshake) else { return loopWatches() }
            begin(clientHandshake, early: clientHandshake.early.take())
        } else if awaitsKey {
            awaitsKey = false
            _ = decrypt(UnsafeRawBufferPointer(start: nil, count: 0))
            closeIfBroken()
        } else {
            receive()
        }
        guard isOpen, isHandshaking else { return }
        loopWatches()
        clientHandshake?.lastTurn = .now()
    }

    private func begin(_ handshake: ClientHandshake, early: ByteBuffer?) {
        do {
            tls = try TLSConnection(server: handshake.context, workspace: loop.buffers.tls)
        } catch {
            return close(because: error)
        }
        guard let early else { return receive() }
        early.withUnsafeReadableBytes { _ = decrypt($0) }
        closeIfBroken()
    }

    /// Has another thread use a private key, where the handshake waits for that.
    private func useKey(of connection: TLSConnection) {
        guard let operation = connection.takeKeyOperation() else { return }
        awaitsKey = true
        let end = HandshakeWait(self)
        loop.keyThreads.carryOut(operation, on: loop) { end.isOver() }
    }

    // MARK: Reading

    /// So much of a handshake is read at once, and held at most while a private key is used.
    private static let flightSize = 8 * 1024

    /// Reads wire bytes once, and hands on what they say.
    func takeEncrypted(by connection: TLSConnection) -> Intake {
        let wire: UnsafeRawBufferPointer?
        do {
            let limit = connection.isHandshaking ? Self.flightSize : LoopBuffers.readSize
            wire = try loop.buffers.fillWire(limit: limit) { memory throws(IOError) in try readSome(into: memory) }
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
            if error.kind == .plainHTTP { answerPlainHTTP() }
            close(because: error)
            return .over
        }
        sendTLSOutput()
        useKey(of: tls)
        if received.hasCompletedHandshake {
            clientHandshake.take().map { loop.handshakes.end($0) }
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
