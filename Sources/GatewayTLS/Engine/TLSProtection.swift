internal import CNIOBoringSSL

/// How a connection is protected.
public struct TLSProtection: Sendable, Equatable {
    /// "TLSv1.2" or "TLSv1.3".
    public var version: String
    /// The name that IANA has registered, such as "TLS_AES_128_GCM_SHA256".
    public var cipher: String

    public init(version: String, cipher: String) {
        self.version = version
        self.cipher = cipher
    }
}

extension TLSConnection {
    /// nil: the handshake has not come so far. It costs less than `negotiated`.
    public var protection: TLSProtection? {
        guard let version = SSL_get_version(ssl), let cipher = SSL_get_current_cipher(ssl),
            let name = SSL_CIPHER_standard_name(cipher)
        else { return nil }
        return TLSProtection(version: String(cString: version), cipher: String(cString: name))
    }
}
