internal import CNIOBoringSSL

/// What the two sides have agreed on. Before the handshake's end, what is known of it.
public struct TLSNegotiated: Sendable, Equatable {
    /// By ALPN (RFC 7301); nil: none was agreed on.
    public var applicationProtocol: String?
    /// "TLSv1.2" or "TLSv1.3".
    public var version: String
    /// The name that IANA has registered, such as "TLS_AES_128_GCM_SHA256"; nil: not agreed on yet.
    public var cipher: String?
    /// The group of the key exchange, such as "X25519"; nil: not agreed on yet.
    public var group: String?
    /// The name that the client asked for (RFC 6066 §3).
    public var serverName: String?
    /// Whether an earlier session goes on, and no certificates were exchanged.
    public var isResumed: Bool
    /// The certificate that the peer has shown, in this handshake or in that of the session that goes on, as DER.
    public var peerCertificate: [UInt8]?

    /// The OCSP response that the server has stapled, where it was asked for one.
    var ocspResponse: [UInt8]?

    init(_ ssl: OpaquePointer) {
        applicationProtocol = Self.applicationProtocol(of: ssl)
        version = SSL_get_version(ssl).map { String(cString: $0) } ?? ""
        cipher = SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_standard_name($0) }.map { String(cString: $0) }
        group = SSL_get_group_name(SSL_get_group_id(ssl)).map { String(cString: $0) }
        serverName = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
        isResumed = SSL_session_reused(ssl) == 1
        peerCertificate = CertificateChain.bytes(of: SSL_get0_peer_certificates(ssl)).first
        var response: UnsafePointer<UInt8>?
        var length = 0
        SSL_get0_ocsp_response(ssl, &response, &length)
        ocspResponse = length == 0 ? nil : Array(UnsafeBufferPointer(start: response, count: length))
    }

    static func applicationProtocol(of ssl: OpaquePointer) -> String? {
        var bytes: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &bytes, &count)
        return count == 0 ? nil : String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }
}
