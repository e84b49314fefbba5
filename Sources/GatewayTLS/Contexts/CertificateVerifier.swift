internal import CNIOBoringSSL

/// Decides whether the certificate of a peer does, and says what is wrong with one that does not.
///
/// The store is filled before it is shared; BoringSSL locks it for what looking up changes in it.
final class CertificateVerifier: @unchecked Sendable {
    /// Why a certificate does not do.
    struct Refusal {
        var failure: TLSFailure
        /// What the peer is told (RFC 8446 §6).
        var alert: UInt8
    }

    /// Authorities between a certificate and a trusted one, as many as any real chain has.
    private static let depthLimit: CInt = 10

    private let store: OpaquePointer
    private let purpose: String
    /// Seconds since 1970-01-01.
    private let now: @Sendable () -> Int64

    /// - Throws: `TLSMaterialFailure` where memory is short.
    init(
        authorities: [TLSCertificate], ofClients: Bool, now: @escaping @Sendable () -> Int64 = WallClock.seconds
    ) throws(TLSMaterialFailure) {
        guard let store = X509_STORE_new() else { throw TLSMaterialFailure.noMemory }
        self.store = store
        self.now = now
        purpose = ofClients ? "ssl_client" : "ssl_server"
        for authority in authorities {
            guard X509_STORE_add_cert(store, authority.raw) == 1 else { throw TLSMaterialFailure.noMemory }
        }
    }

    deinit { X509_STORE_free(store) }

    /// - Parameters:
    ///   - peer: what the certificate has to be for.
    ///   - words: of the peer that has shown it.
    /// - Returns: nil: the certificate does.
    func refusal(of chain: borrowing CertificateChain, peer: TLSPeerName, words: FailureText) -> Refusal? {
        defer { ErrorQueue.clear() }
        let text = UntrustedText(peer: words.peer)
        if chain.isEmpty {
            return Refusal(
                failure: words.failure(reason: "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
                alert: UInt8(SSL_AD_CERTIFICATE_REQUIRED))
        }
        guard let leaf = chain.leaf, let context = X509_STORE_CTX_new() else {
            return Refusal(
                failure: text.other("the gateway can't read one of those that the peer sent"),
                alert: UInt8(SSL_AD_BAD_CERTIFICATE))
        }
        defer { X509_STORE_CTX_free(context) }
        guard X509_STORE_CTX_init(context, store, leaf, chain.certificates) == 1,
            X509_STORE_CTX_set_default(context, purpose) == 1, let parameters = X509_STORE_CTX_get0_param(context),
            Self.expect(peer, parameters)
        else {
            return Refusal(failure: text.other("the gateway could not verify it"), alert: UInt8(SSL_AD_INTERNAL_ERROR))
        }
        let now = now()
        X509_VERIFY_PARAM_set_time_posix(parameters, now)
        X509_VERIFY_PARAM_set_depth(parameters, Self.depthLimit)
        // Whoever is named as an authority is one, though another has signed it.
        X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        if X509_verify_cert(context) == 1 { return nil }
        let code = X509_STORE_CTX_get_error(context)
        return Refusal(
            failure: Self.failure(code, context: context, leaf: leaf, peer: peer, now: now, text: text),
            alert: UInt8(clamping: SSL_alert_from_verify_result(Int(code))))
    }

    private static func expect(_ peer: TLSPeerName, _ parameters: OpaquePointer) -> Bool {
        switch peer {
        case .none: return true
        case .address(let bytes): return X509_VERIFY_PARAM_set1_ip(parameters, bytes, bytes.count) == 1
        case .name(let name):
            X509_VERIFY_PARAM_set_hostflags(
                parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
            return X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1
        }
    }

    private static func failure(
        _ code: CInt, context: OpaquePointer, leaf: OpaquePointer, peer: TLSPeerName, now: Int64, text: UntrustedText
    ) -> TLSFailure {
        let facts = TLSCertificateFacts(leaf)
        // The certificate's own time goes first: whatever else is wrong with an old one, it has to be renewed.
        if now > facts.notAfter { return text.expired(facts.notAfter) }
        if now < facts.notBefore { return text.notYetValid(facts.notBefore) }
        switch code {
        case X509_V_ERR_HOSTNAME_MISMATCH:
            if case .name(let name) = peer { return text.misnamed(facts, expected: name) }
            return text.misnamed(facts, expected: nil)
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return text.misnamed(facts, expected: nil)
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
            guard let authority = X509_STORE_CTX_get_current_cert(context) else { break }
            return text.authorityOutsideItsTime(
                TLSCertificateFacts(authority), isExpired: code == X509_V_ERR_CERT_HAS_EXPIRED)
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return text.selfSigned
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return facts.issuer == facts.subject ? text.selfSigned : text.unknownAuthority(facts.issuer)
        default: break
        }
        return text.other(X509_verify_cert_error_string(Int(code)).map { String(cString: $0) } ?? "unknown reason")
    }
}
