import Testing

@testable import GatewayTLS

@Suite("Failures of TLS in an operator's words")
struct FailureTextTests {
    @Test(
        "what a server's failure is called",
        arguments: [
            ("UNSUPPORTED_PROTOCOL", .noCommonVersion, "the server has no TLS version in common with the gateway"),
            (
                "SSLV3_ALERT_HANDSHAKE_FAILURE", .noCommonCipher,
                "the server refused the TLS handshake (alert handshake failure); it has no cipher suite, group or"
                    + " signature algorithm in common with the gateway, or requires a client certificate"
            ),
            (
                "TLSV1_ALERT_CERTIFICATE_REQUIRED", .refusedByPeer,
                "the server requires a client certificate (alert certificate required)"
            ),
            (
                "TLSV1_ALERT_UNKNOWN_CA", .refusedByPeer,
                "the server refused the gateway's certificate, or requires one (alert unknown ca)"
            ),
            (
                "TLSV1_ALERT_NO_APPLICATION_PROTOCOL", .noApplicationProtocol,
                "the server speaks none of the protocols that the gateway offered by ALPN (alert no application protocol);"
                    + " protocol of the upstream sets them"
            ),
            (
                "TLSV1_ALERT_UNRECOGNIZED_NAME", .refusedByPeer,
                "the server does not know the name that the gateway asked for (alert unrecognized name); server_name of the"
                    + " upstream's tls sets it"
            ),
            ("TLSV1_ALERT_INTERNAL_ERROR", .refusedByPeer, "the server ended TLS with the alert internal error"),
            ("BAD_SIGNATURE", .protocolError, "TLS with the server failed: bad signature"),
            (nil, .protocolError, "TLS with the server failed"),
        ] as [(String?, TLSFailure.Kind, String)])
    func server(reason: String?, kind: TLSFailure.Kind, expected: String) {
        let failure = FailureText(peer: .server).failure(reason: reason)
        #expect(failure == TLSFailure(kind, expected))
    }

    @Test(
        "what a client's failure is called",
        arguments: [
            (
                "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
                "the client refused the gateway's certificate (alert certificate unknown)"
            ),
            ("SSLV3_ALERT_HANDSHAKE_FAILURE", "the client refused the TLS handshake (alert handshake failure)"),
            ("TLSV1_ALERT_UNRECOGNIZED_NAME", "the client ended TLS with the alert unrecognized name"),
            (
                "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
                "the client speaks none of the gateway's protocols (alert no application protocol)"
            ),
            ("BAD_SIGNATURE", "TLS with the client failed: bad signature"),
        ])
    func client(reason: String, expected: String) {
        #expect(FailureText(peer: .client).failure(reason: reason).description == expected)
    }
}
