/// Failures of TLS with one kind of peer, in an operator's words: from BoringSSL's names for them.
struct FailureText {
    enum Peer: String {
        case client
        case server
    }

    let peer: Peer

    private var isServer: Bool { peer == .server }

    /// - Parameter reason: BoringSSL's name; nil: it told none.
    func failure(reason: String?) -> TLSFailure {
        guard let reason else { return TLSFailure(.protocolError, "TLS with the \(peer) failed") }
        if let failure = mismatch(reason) ?? certificate(reason) { return failure }
        if let alert = Self.alert(in: reason) {
            return TLSFailure(.refusedByPeer, "the \(peer) ended TLS with the alert \(alert)")
        }
        return TLSFailure(.protocolError, "TLS with the \(peer) failed: \(ErrorQueue.words(reason))")
    }

    var endInHandshake: TLSFailure {
        TLSFailure(
            .cutShort,
            isServer
                ? "the server ended the connection inside the TLS handshake; perhaps it does not speak TLS on this port"
                : "the client ended the connection inside the TLS handshake")
    }

    var endInRecord: TLSFailure {
        TLSFailure(.cutShort, "the \(peer) ended the connection inside a TLS record, so what it sent is incomplete")
    }

    /// Protocols, versions and algorithms that the two sides do not have in common.
    private func mismatch(_ reason: String) -> TLSFailure? {
        switch reason {
        case "HTTP_REQUEST", "HTTPS_PROXY_REQUEST":
            return TLSFailure(.plainHTTP, isServer ? Self.noTLS : "the client speaks HTTP without TLS on a TLS port")
        case "WRONG_VERSION_NUMBER":
            return TLSFailure(.noTLS, isServer ? Self.noTLS : "the client does not speak TLS")
        case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "UNKNOWN_SSL_VERSION", "WRONG_SSL_VERSION":
            return TLSFailure(.noCommonVersion, "the \(peer) has no TLS version in common with the gateway")
        case "NO_SHARED_CIPHER", "NO_SHARED_GROUP", "NO_COMMON_SIGNATURE_ALGORITHMS", "NO_CIPHERS_AVAILABLE",
            "WRONG_CURVE", "UNKNOWN_CERTIFICATE_TYPE":
            return TLSFailure(
                .noCommonCipher,
                "the \(peer) has no cipher suite, group or signature algorithm in common with the gateway:"
                    + " \(ErrorQueue.words(reason))")
        case "SSLV3_ALERT_HANDSHAKE_FAILURE", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO",
            "TLSV1_ALERT_INSUFFICIENT_SECURITY":
            return TLSFailure(
                .noCommonCipher,
                isServer
                    ? "the server refused the TLS handshake (alert \(Self.alertOrFailure(reason))); it has no cipher"
                        + " suite, group or signature algorithm in common with the gateway, or requires a client certificate"
                    : "the client refused the TLS handshake (alert \(Self.alertOrFailure(reason)))")
        case "TLSV1_ALERT_NO_APPLICATION_PROTOCOL":
            return TLSFailure(
                .noApplicationProtocol,
                isServer
                    ? "the server speaks none of the protocols that the gateway offered by ALPN (alert"
                        + " \(Self.alertOrFailure(reason))); protocol of the upstream sets them"
                    : "the client speaks none of the gateway's protocols (alert \(Self.alertOrFailure(reason)))")
        case "TLSV1_ALERT_UNRECOGNIZED_NAME" where isServer:
            return TLSFailure(
                .refusedByPeer,
                "the server does not know the name that the gateway asked for (alert \(Self.alertOrFailure(reason)));"
                    + " server_name of the upstream's tls sets it")
        default: return nil
        }
    }

    /// What one side thinks of the other's certificate.
    private func certificate(_ reason: String) -> TLSFailure? {
        switch reason {
        case "CERTIFICATE_VERIFY_FAILED":
            return TLSFailure(.untrustedCertificate, unknownCertificate)
        case "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return TLSFailure(.noCertificate, noCertificate)
        case "TLSV1_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_NO_CERTIFICATE":
            return TLSFailure(
                .refusedByPeer,
                "the \(peer) requires a \(isServer ? "client " : "")certificate (alert \(Self.alertOrFailure(reason)))")
        case "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
            "TLSV1_ALERT_ACCESS_DENIED":
            return TLSFailure(
                .refusedByPeer,
                isServer
                    ? "the server refused the gateway's certificate, or requires one (alert"
                        + " \(Self.alertOrFailure(reason)))"
                    : "the client refused the gateway's certificate (alert \(Self.alertOrFailure(reason)))")
        default: return nil
        }
    }

    /// Where there is no certificate to look at.
    private var unknownCertificate: String {
        isServer
            ? "the server's certificate is not trusted; ca of the upstream's tls names the trusted authorities"
            : "the client's certificate is not trusted; client_ca of the listener's tls names the trusted authorities"
    }

    private var noCertificate: String {
        isServer
            ? "the server sent no certificate, expected one; verify: false of the upstream's tls accepts that"
            : "the client sent no certificate, expected one; client_ca of the listener's tls requires it"
    }

    private static let noTLS =
        "the server does not speak TLS on this port; correct its address, or remove tls from the upstream"

    /// The alert that the peer sent (RFC 8446 §6), such as "unknown ca"; nil: it sent none.
    private static func alert(in reason: String) -> String? {
        for prefix in ["TLSV1_ALERT_", "SSLV3_ALERT_"] where reason.hasPrefix(prefix) {
            return ErrorQueue.words(String(reason.dropFirst(prefix.count)))
        }
        return nil
    }

    private static func alertOrFailure(_ reason: String) -> String { alert(in: reason) ?? "handshake failure" }
}
