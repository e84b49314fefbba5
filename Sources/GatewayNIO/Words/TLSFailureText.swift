import NIOSSL

/// Why TLS with a server came to nothing, in an operator's words.
enum TLSFailureText {
    /// nil: the error is none of TLS.
    static func text(for error: any Error) -> String? {
        switch error {
        case let error as UntrustedServer: return error.description
        case NIOSSLError.uncleanShutdown:
            return "the server ended the connection without TLS's close_notify"
        case NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake])):
            return "the server ended the connection inside the TLS handshake; it may speak no TLS on this port"
        case NIOSSLError.noCertificateToValidate:
            return "the server showed no certificate, expected one; verify: false of the upstream's tls does without"
        case let error as NIOSSLExtraError: return text(for: error)
        case is NIOSSLCloseTimedOutError:
            return "the server did not answer TLS's close_notify"
        case is NIOSSLError, is BoringSSLError:
            guard let name = TLSReason.name(of: error) else { return "TLS with the server failed" }
            return text(reason: name)
        default:
            return nil
        }
    }

    private static func text(for error: NIOSSLExtraError) -> String {
        switch error {
        case .failedToValidateHostname:
            "the server's certificate is for another name; server_name of the upstream's tls says which it has to have"
        case .invalidSNIHostname, .cannotUseIPAddressInSNI, .serverHostnameImpossibleToMatch:
            "server_name of the upstream's tls can't be used; expected a host name"
        default: "TLS with the server failed"
        }
    }

    /// - Parameter name: BoringSSL's.
    static func text(reason name: String) -> String {
        switch name {
        case "CERTIFICATE_VERIFY_FAILED":
            return UntrustedServer.unknown
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST":
            return "the server speaks no TLS on this port; correct its address, or remove tls from the upstream"
        case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "UNKNOWN_SSL_VERSION", "WRONG_SSL_VERSION":
            return "the server has no TLS version in common with the gateway"
        case "SSLV3_ALERT_HANDSHAKE_FAILURE", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO", "TLSV1_ALERT_INSUFFICIENT_SECURITY":
            return "the server refused the TLS handshake (alert \(alert(name))); it has no cipher suite, group or"
                + " signature algorithm in common with the gateway, or wants a client certificate"
        case "TLSV1_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_NO_CERTIFICATE":
            return "the server wants a client certificate (alert \(alert(name)))"
        case "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
            "TLSV1_ALERT_ACCESS_DENIED":
            return "the server refused the gateway's certificate, or that it has none (alert \(alert(name)))"
        case "TLSV1_ALERT_NO_APPLICATION_PROTOCOL":
            return "the server speaks none of the protocols that were offered by ALPN (alert \(alert(name)));"
                + " protocol of the upstream says which those are"
        case "TLSV1_ALERT_UNRECOGNIZED_NAME":
            return "the server does not know the name it was asked for (alert \(alert(name))); server_name of the"
                + " upstream's tls sets it"
        default:
            if let alert = TLSReason.alert(in: name) { return "the server ended TLS with the alert \(alert)" }
            return "TLS with the server failed: \(TLSReason.words(name))"
        }
    }

    private static func alert(_ name: String) -> String { TLSReason.alert(in: name) ?? "handshake failure" }
}
