internal import CNIOBoringSSL

/// One TLS connection without a socket: wire bytes go in and plaintext comes out, and the other way round.
///
/// Confined to the thread of its workspace. It holds no buffer but the beginning of a record whose rest has not come,
/// up to 16,645 bytes. BoringSSL ends a connection whose peer sends more than 32 empty records, or 32 KeyUpdates, in a
/// row, a handshake message of more than 100 KiB, or one that has no place where it comes.
///
/// A key that takes long is used elsewhere: `takeKeyOperation` gives the work to whoever has the time. Until it is done
/// the handshake stands still, and `receive` keeps what comes; afterwards `receive` goes on, with nothing new if need be.
///
/// On a thrown failure the output of the workspace may hold an alert, which the caller sends before it closes. A
/// connection that has failed once takes and sends nothing more.
public final class TLSConnection {
    /// Where a connection is in its life.
    private enum State {
        case handshaking
        case open
        /// close_notify came. What is sent still goes out.
        case ended
        case failed
    }

    /// With AES-GCM a key is good for this many records (RFC 8446 §5.5 allows 2^24.5); then it is updated.
    static let recordsPerKey: UInt64 = 1 << 24

    let ssl: OpaquePointer
    private let workspace: TLSWorkspace
    let endpoint: TLSEndpoint
    private var state = State.handshaking
    private var hasSentEnd = false
    /// What the handshake waits for.
    var keyOperation: TLSKeyOperation? { didSet { isOperationTaken = false } }
    private var isOperationTaken = false
    /// What has come while the handshake stood still.
    private var held: [UInt8] = []
    /// Records under one key before `send` asks for the next; tests ask sooner.
    var keyLimit = TLSConnection.recordsPerKey

    /// The gateway's end of a client's connection.
    ///
    /// - Throws: `TLSFailure` where memory is short.
    public convenience init(server: TLSServerContext, workspace: TLSWorkspace) throws(TLSFailure) {
        try self.init(context: server.context, endpoint: .server(server), workspace: workspace)
        SSL_set_accept_state(ssl)
    }

    /// The gateway's end of a connection to a server.
    ///
    /// - Parameters:
    ///   - peer: what the server's certificate has to be for, where the context verifies it, and the SNI.
    ///   - address: which server it is, where several have the same name: sessions are resumed with the same alone.
    /// - Throws: `TLSFailure` for a name that is none, or where memory is short.
    public convenience init(
        client: TLSClientContext, peer: TLSPeerName, address: String = "", workspace: TLSWorkspace
    ) throws(TLSFailure) {
        let target = TLSEndpoint.Target(peer: peer.normalized, address: address)
        try self.init(context: client.context, endpoint: .client(client, target), workspace: workspace)
        SSL_set_connect_state(ssl)
        if case .name(let name) = target.peer {
            guard SSL_set_tlsext_host_name(ssl, name) == 1, !name.utf8.contains(0) else {
                ErrorQueue.clear()
                throw TLSFailure(
                    .unusableName, "server_name of the upstream's tls can't be used; expected a host name")
            }
        }
        client.sessions.offer(for: target.key, on: ssl)
    }

    private init(
        context: SSLContextHandle, endpoint: TLSEndpoint, workspace: TLSWorkspace
    ) throws(TLSFailure) {
        guard let bio = workspace.bio, let ssl = SSL_new(context.raw) else {
            ErrorQueue.clear()
            throw TLSFailure(.resources, "there is no memory for another TLS connection")
        }
        BIO_up_ref(bio)
        SSL_set_bio(ssl, bio, bio)
        // Most of what a connection takes is there for the handshake alone.
        SSL_set_shed_handshake_config(ssl, 1)
        self.ssl = ssl
        self.workspace = workspace
        self.endpoint = endpoint
    }

    deinit {
        keyOperation?.abandon()
        SSL_free(ssl)
        // Its output may be taken still; no callback comes for it any more.
        if workspace.current === self { workspace.current = nil }
    }

    public var isHandshaking: Bool { state == .handshaking }

    /// What has been agreed on. Reads BoringSSL's state and copies the peer's certificate: not for every message.
    public var negotiated: TLSNegotiated { TLSNegotiated(ssl) }

    /// What ALPN has chosen (RFC 7301); nil: nothing. It costs less than `negotiated`.
    public var applicationProtocol: String? { TLSNegotiated.applicationProtocol(of: ssl) }

    /// Begins: a client's ClientHello goes to the output. A server waits for one, and makes nothing.
    ///
    /// - Throws: `TLSFailure` where the settings leave nothing to offer.
    public func start() throws(TLSFailure) {
        guard case .client = endpoint, state == .handshaking else { return }
        workspace.begin(self, reading: UnsafeRawBufferPointer(start: nil, count: 0))
        _ = try shakeHands()
    }

    /// What somebody has to carry out before the handshake goes on; nil: nothing, or it was taken before.
    public func takeKeyOperation() -> TLSKeyOperation? {
        guard let keyOperation, !isOperationTaken else { return nil }
        isOperationTaken = true
        return keyOperation
    }

    /// Wire bytes that came while the handshake stood still, for a key operation, and are not looked at yet.
    public var heldBytes: Int { held.count }

    /// Takes all of `wire`.
    ///
    /// - Parameters:
    ///   - wire: what came from the peer, cut anywhere. What comes behind its close_notify is dropped.
    ///   - plaintext: where decrypted bytes go; its size has to be `heldBytes + wire.count + 16,640` bytes or more.
    /// - Throws: `TLSFailure` where the connection can't go on. Behind plaintext it is in what is returned, so that no
    ///   byte is lost; a call after that throws.
    public func receive(
        _ wire: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
    ) throws(TLSFailure) -> TLSReceived {
        guard !held.isEmpty else { return try take(wire, into: plaintext) }
        var all: [UInt8] = []
        swap(&all, &held)
        all += wire
        return try all.withUnsafeBytes { bytes in
            Result { () throws(TLSFailure) in try take(bytes, into: plaintext) }
        }.get()
    }

    private func take(
        _ wire: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
    ) throws(TLSFailure) -> TLSReceived {
        var received = TLSReceived()
        guard state != .failed else { throw TLSFailure(.protocolError, "TLS has failed on this connection before") }
        guard state != .ended else {
            received.hasEnded = true
            return received
        }
        workspace.begin(self, reading: wire)
        defer { workspace.endReading() }
        if state == .handshaking {
            guard try shakeHands() else { return received }
            received.hasCompletedHandshake = true
        }
        // With nothing to read it would make room for a record all the same.
        while workspace.hasInput {
            let room = CInt(clamping: plaintext.count - received.plaintextBytes)
            guard room > 0 else {
                throw failed(TLSFailure(.resources, "the gateway has no room for what the peer sent"))
            }
            let count = SSL_read(ssl, plaintext.baseAddress?.advanced(by: received.plaintextBytes), room)
            if count > 0 {
                received.plaintextBytes += Int(count)
                continue
            }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_READ: return received
            case SSL_ERROR_ZERO_RETURN:
                state = .ended
                received.hasEnded = true
                return received
            default:
                let failure = failed(endpoint.failure(workspace: workspace))
                // What came before is the peer's, whatever it did then.
                guard received.plaintextBytes > 0 else { throw failure }
                received.failure = failure
                return received
            }
        }
        return received
    }

    /// Appends records that carry `plaintext` to the output, and before them what waits for a record: a server's
    /// session tickets, and an update of keys that the peer has asked for.
    ///
    /// - Parameter plaintext: of any size; records hold up to 16,384 bytes. Empty: what waits goes out alone.
    /// - Throws: `TLSFailure` while handshaking, after `end`, and on a connection that has failed.
    public func send(_ plaintext: UnsafeRawBufferPointer) throws(TLSFailure) {
        try send(plaintext) { SSL_write(ssl, $0, $1) }
    }

    /// - Parameter write: gives BoringSSL a piece, and tells how much of it was taken; below 0: it failed.
    func send(
        _ plaintext: UnsafeRawBufferPointer, by write: (UnsafeRawPointer?, CInt) -> CInt
    ) throws(TLSFailure) {
        guard state != .handshaking, state != .failed, !hasSentEnd else {
            throw TLSFailure(
                .protocolError, "nothing can be sent by TLS before the handshake's end or after close_notify")
        }
        workspace.begin(self, reading: UnsafeRawBufferPointer(start: nil, count: 0))
        if recordsUnderKey >= keyLimit { updateKey() }
        var rest = plaintext
        repeat {
            let count = write(rest.baseAddress, CInt(clamping: rest.count))
            guard count > 0 || count == 0 && rest.isEmpty else {
                throw failed(endpoint.failure(workspace: workspace))
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        } while !rest.isEmpty
    }

    /// Those that were sent. TLS 1.2 counts on for ever.
    var recordsUnderKey: UInt64 { SSL_get_write_sequence(ssl) }

    /// From the next record on another key seals (RFC 8446 §4.6.3). TLS 1.2 has nothing of the kind.
    func updateKey(asksPeer: Bool = false) {
        guard SSL_version(ssl) == TLS1_3_VERSION else { return }
        SSL_key_update(ssl, asksPeer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED)
    }

    /// Says that nothing more comes: a close_notify goes to the output (RFC 8446 §6.1). Nothing while handshaking, on
    /// a connection that has failed, or the second time. What the peer sends still can be received.
    public func end() {
        guard state != .handshaking, state != .failed, !hasSentEnd else { return }
        hasSentEnd = true
        workspace.begin(self, reading: UnsafeRawBufferPointer(start: nil, count: 0))
        SSL_shutdown(ssl)
        ErrorQueue.clear()
    }

    /// The peer's TCP has ended. After its close_notify, or where nothing was cut, that is no failure: many peers of
    /// WebSockets end without one.
    ///
    /// - Returns: a failure inside the handshake or inside a record, else nil.
    public func receivedEnd() -> TLSFailure? {
        switch state {
        case .handshaking: failed(endpoint.endInHandshake)
        case .open where SSL_has_pending(ssl) != 0: failed(endpoint.endInRecord)
        case .open, .ended, .failed: nil
        }
    }

    /// - Returns: whether the handshake is complete.
    private func shakeHands() throws(TLSFailure) -> Bool {
        let result = SSL_do_handshake(ssl)
        guard result == 1 else {
            switch SSL_get_error(ssl, result) {
            case SSL_ERROR_WANT_READ: return false
            case SSL_ERROR_WANT_PRIVATE_KEY_OPERATION:
                held = workspace.takeInput()
                return false
            default: throw failed(endpoint.failureInHandshake(workspace: workspace))
            }
        }
        keyOperation = nil
        state = .open
        if let failure = endpoint.judgeResumed(ssl) { throw failed(failure) }
        return true
    }

    private func failed(_ failure: TLSFailure) -> TLSFailure {
        state = .failed
        keyOperation?.abandon()
        keyOperation = nil
        held = []
        ErrorQueue.clear()
        return failure
    }
}
