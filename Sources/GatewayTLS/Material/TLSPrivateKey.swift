internal import CNIOBoringSSL

/// A private key that TLS can sign with. Never changed once it is read.
public final class TLSPrivateKey: @unchecked Sendable {
    /// What it signs with.
    public enum Kind: Sendable, Hashable, CaseIterable {
        case p256
        case p384
        case p521
        case ed25519
        case rsa

        /// Which of several is shown first, to a client that can verify it.
        var rank: Int {
            switch self {
            case .p256, .p384, .p521: 0
            case .ed25519: 1
            case .rsa: 2
            }
        }
    }

    let raw: OpaquePointer
    public let kind: Kind

    /// Whether a signature takes so long that the thread of a connection does not make it. As measured, RSA takes 0.6 ms
    /// with 2048 bits, 1.8 ms with 3072 and 4 ms with 4096, and P-521 takes 1.2 ms. P-384 takes 0.5 ms, and P-256 and
    /// Ed25519 take 0.02 ms.
    var takesLong: Bool { kind == .rsa || kind == .p521 }

    /// nil: it is damaged, or of another kind. Why is not told: the reason might quote it.
    ///
    /// - Parameter bytes: PKCS#8, PKCS#1 or SEC1.
    init?(der bytes: [UInt8]) {
        defer { ErrorQueue.clear() }
        let key: OpaquePointer? = bytes.withUnsafeBufferPointer { buffer in
            var next = buffer.baseAddress
            let read = d2i_AutoPrivateKey(nil, &next, buffer.count)
            guard next == buffer.baseAddress?.advanced(by: buffer.count) else {
                EVP_PKEY_free(read)
                return nil
            }
            return read
        }
        guard let key else { return nil }
        guard let kind = Self.kind(of: key) else {
            EVP_PKEY_free(key)
            return nil
        }
        raw = key
        self.kind = kind
    }

    deinit { EVP_PKEY_free(raw) }

    /// Whether it is the key of that certificate.
    public func belongs(to certificate: TLSCertificate) -> Bool {
        defer { ErrorQueue.clear() }
        return X509_check_private_key(certificate.raw, raw) == 1
    }

    private static func kind(of key: OpaquePointer) -> Kind? {
        switch EVP_PKEY_id(key) {
        case EVP_PKEY_RSA: .rsa
        case EVP_PKEY_ED25519: .ed25519
        case EVP_PKEY_EC:
            switch EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key))) {
            case NID_X9_62_prime256v1: .p256
            case NID_secp384r1: .p384
            case NID_secp521r1: .p521
            default: nil
            }
        default: nil
        }
    }
}
