internal import CNIOBoringSSL

/// An SSL_CTX. Set up once, by whoever makes it; from then on BoringSSL lets any thread read it.
final class SSLContextHandle: @unchecked Sendable {
    let raw: OpaquePointer

    /// Certificates that several connections have in common are in memory once.
    nonisolated(unsafe) private static let pool: OpaquePointer? = CRYPTO_BUFFER_POOL_new()

    /// - Throws: `TLSMaterialFailure` where memory is short.
    init(
        minimum: TLSMinimumVersion, maximum: TLSMinimumVersion, signatures: [UInt16] = SSLContextHandle.signatures
    ) throws(TLSMaterialFailure) {
        // That with buffers parses no certificate by itself: it would keep what it parsed as long as the connection.
        guard let raw = SSL_CTX_new(TLS_with_buffers_method()) else { throw TLSMaterialFailure.noMemory }
        self.raw = raw
        SSL_CTX_set0_buffer_pool(raw, Self.pool)
        guard SSL_CTX_set_min_proto_version(raw, minimum.identifier) == 1,
            SSL_CTX_set_max_proto_version(raw, maximum.identifier) == 1,
            SSL_CTX_set_verify_algorithm_prefs(raw, signatures, signatures.count) == 1
        else { throw TLSMaterialFailure.noMemory }
        SSL_CTX_set_custom_verify(raw, SSL_VERIFY_NONE, Self.judge)
    }

    deinit { SSL_CTX_free(raw) }

    /// Asks for the peer's certificate, and ends the handshake where there is none or it does not do.
    func verifyPeers() {
        SSL_CTX_set_custom_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, Self.judge)
    }

    /// - Throws: `TLSMaterialFailure` for a cipher list of which BoringSSL knows a part, or none.
    func set(ciphers: [String], groups: [TLSGroup]) throws(TLSMaterialFailure) {
        let list = try CipherList.text(ciphers)
        let identifiers = (groups.isEmpty ? TLSGroup.standard : groups).map(\.identifier)
        guard SSL_CTX_set_strict_cipher_list(raw, list) == 1,
            SSL_CTX_set1_group_ids(raw, identifiers, identifiers.count) == 1
        else {
            throw TLSMaterialFailure(
                reason:
                    "the TLS settings can't be used: \(ErrorQueue.takeReason().map(ErrorQueue.words) ?? "unknown reason")"
            )
        }
    }

    /// What peers may sign with, and the gateway does, the preferred first. SHA-1 is not among them.
    static let signatures: [UInt16] = [
        SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_ED25519, SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PKCS1_SHA256,
        SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_SIGN_RSA_PSS_RSAE_SHA384, SSL_SIGN_RSA_PKCS1_SHA384,
        SSL_SIGN_ECDSA_SECP521R1_SHA512, SSL_SIGN_RSA_PSS_RSAE_SHA512, SSL_SIGN_RSA_PKCS1_SHA512,
    ].map { UInt16($0) }

    private static let judge: @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt8>?) -> ssl_verify_result_t = {
        ssl, alert in
        guard let workspace = TLSWorkspace.of(ssl: ssl), let endpoint = workspace.current?.endpoint else {
            return ssl_verify_invalid
        }
        guard let refusal = endpoint.judgeCertificate(ssl) else { return ssl_verify_ok }
        alert?.pointee = refusal.alert
        workspace.verificationFailure = refusal.failure
        return ssl_verify_invalid
    }
}
