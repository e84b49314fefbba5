internal import CNIOBoringSSL

/// An SSL_CREDENTIAL: a chain and its key, as handshakes use them. Never changed once it is made.
final class TLSCredential: @unchecked Sendable {
    let raw: OpaquePointer
    /// BoringSSL finds it by `key(of:)`, where it does not use it by itself.
    private let privateKey: TLSPrivateKey

    /// - Parameter response: DER of the OCSP response that goes with it; nil: none does.
    /// - Throws: `TLSMaterialFailure` where BoringSSL does not take the pair.
    init(_ identity: TLSIdentity, stapling response: [UInt8]?) throws(TLSMaterialFailure) {
        guard let raw = SSL_CREDENTIAL_new_x509() else { throw TLSMaterialFailure.noMemory }
        self.raw = raw
        privateKey = identity.privateKey
        let chain: [OpaquePointer?] = identity.certificates.chain.map { CRYPTO_BUFFER_new($0.der, $0.der.count, nil) }
        defer { chain.forEach { CRYPTO_BUFFER_free($0) } }
        // BoringSSL's own list ends with SHA-1, which is not to be used, and is there for old peers of TLS 1.2 (RFC 9155).
        let signatures = SSLContextHandle.signatures
        guard SSL_CREDENTIAL_set1_cert_chain(raw, chain, chain.count) == 1,
            SSL_CREDENTIAL_set1_signing_algorithm_prefs(raw, signatures, signatures.count) == 1,
            setKey()
        else {
            throw TLSMaterialFailure(
                file: identity.certificates.file,
                reason: "the certificate in \(identity.certificates.file) can't be used for TLS:"
                    + " \(ErrorQueue.takeReason().map(ErrorQueue.words) ?? "unknown reason")")
        }
        if let response {
            let buffer = CRYPTO_BUFFER_new(response, response.count, nil)
            defer { CRYPTO_BUFFER_free(buffer) }
            guard SSL_CREDENTIAL_set1_ocsp_response(raw, buffer) == 1 else { throw TLSMaterialFailure.noMemory }
        }
    }

    deinit { SSL_CREDENTIAL_free(raw) }

    /// A key that takes long is used by `TLSKeyOperation`.
    private func setKey() -> Bool {
        guard privateKey.takesLong else { return SSL_CREDENTIAL_set1_private_key(raw, privateKey.raw) == 1 }
        return SSL_CREDENTIAL_set_ex_data(raw, Self.keyIndex, Unmanaged.passUnretained(privateKey).toOpaque()) == 1
            && SSL_CREDENTIAL_set_private_key_method(raw, TLSKeyMethod.pointer) == 1
    }

    private static let keyIndex = SSL_CREDENTIAL_get_ex_new_index(0, nil, nil, nil, nil)

    /// The key of a credential that a handshake has chosen, which lives as long as the context of its connection.
    static func key(of credential: OpaquePointer?) -> TLSPrivateKey? {
        SSL_CREDENTIAL_get_ex_data(credential, keyIndex)
            .map { Unmanaged<TLSPrivateKey>.fromOpaque($0).takeUnretainedValue() }
    }
}
