internal import CNIOBoringSSL

/// An SSL_CREDENTIAL: a chain and its key, as handshakes use them. Never changed once it is made.
final class TLSCredential: @unchecked Sendable {
    let raw: OpaquePointer

    /// - Throws: `TLSMaterialFailure` where BoringSSL does not take the pair.
    init(_ identity: TLSIdentity) throws(TLSMaterialFailure) {
        guard let raw = SSL_CREDENTIAL_new_x509() else { throw TLSMaterialFailure.noMemory }
        self.raw = raw
        let chain: [OpaquePointer?] = identity.certificates.chain.map { CRYPTO_BUFFER_new($0.der, $0.der.count, nil) }
        defer { chain.forEach { CRYPTO_BUFFER_free($0) } }
        guard SSL_CREDENTIAL_set1_cert_chain(raw, chain, chain.count) == 1,
            SSL_CREDENTIAL_set1_private_key(raw, identity.privateKey.raw) == 1
        else {
            throw TLSMaterialFailure(
                file: identity.certificates.file,
                reason: "the certificate in \(identity.certificates.file) can't be used for TLS:"
                    + " \(ErrorQueue.takeReason().map(ErrorQueue.words) ?? "unknown reason")")
        }
        if let response = identity.ocspResponse {
            let buffer = CRYPTO_BUFFER_new(response, response.count, nil)
            defer { CRYPTO_BUFFER_free(buffer) }
            guard SSL_CREDENTIAL_set1_ocsp_response(raw, buffer) == 1 else { throw TLSMaterialFailure.noMemory }
        }
    }

    deinit { SSL_CREDENTIAL_free(raw) }
}
