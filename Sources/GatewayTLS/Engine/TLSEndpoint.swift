internal import CNIOBoringSSL

/// Which side of a connection the gateway is, and what that side knows.
enum TLSEndpoint {
    /// The server that a client wants.
    struct Target {
        /// Normalized.
        let peer: TLSPeerName
        let address: String

        var key: String { "\(address) \(peer.key)" }
    }

    case server(TLSServerContext)
    case client(TLSClientContext, Target)

    /// The endpoint of an SSL whose call is under way.
    static func of(ssl: OpaquePointer?) -> TLSEndpoint? { TLSWorkspace.of(ssl: ssl)?.current?.endpoint }

    private var words: FailureText {
        switch self {
        case .server: FailureText(peer: .client)
        case .client: FailureText(peer: .server)
        }
    }

    /// What BoringSSL's last call has failed with, or what was wrong with the peer's certificate.
    func failure(workspace: TLSWorkspace) -> TLSFailure {
        let reason = ErrorQueue.takeReason()
        if let failure = workspace.verificationFailure { return failure }
        return words.failure(reason: reason)
    }

    /// What BoringSSL's last call has failed with in the handshake.
    ///
    /// With TLS 1.3, OpenSSL's clients say in the clear what they have against the certificate, as they have made no key to
    /// encrypt with yet. BoringSSL sees a record that is too short to be encrypted. Anybody on the way could have sent the
    /// alert, so it decides nothing but what the failure is called.
    func failureInHandshake(workspace: TLSWorkspace) -> TLSFailure {
        let reason = ErrorQueue.takeReason()
        if let failure = workspace.verificationFailure { return failure }
        guard reason == "BAD_PACKET_LENGTH", let alert = workspace.latestAlertInTheClear else {
            return words.failure(reason: reason)
        }
        return words.failure(reason: ErrorQueue.reason(ofAlert: alert) ?? reason)
    }

    var endInHandshake: TLSFailure { words.endInHandshake }
    var endInRecord: TLSFailure { words.endInRecord }

    /// Looks at the certificate that the peer has shown in this handshake, or had shown in that which is resumed.
    ///
    /// - Returns: nil: it does.
    func judgeCertificate(_ ssl: OpaquePointer?) -> CertificateVerifier.Refusal? {
        let chain = CertificateChain(SSL_get0_peer_certificates(ssl))
        return switch self {
        case .server(let context): context.verifier?.refusal(of: chain, peer: .none, words: words)
        case .client(let context, let target):
            context.verifier?.refusal(of: chain, peer: target.peer, words: words)
        }
    }

    /// BoringSSL asks a client alone to look again at the certificate of a session that is resumed. A client's may have
    /// expired meanwhile.
    func judgeResumed(_ ssl: OpaquePointer) -> TLSFailure? {
        guard case .server = self, SSL_session_reused(ssl) == 1, let refusal = judgeCertificate(ssl) else { return nil }
        SSL_send_fatal_alert(ssl, refusal.alert)
        return refusal.failure
    }
}
