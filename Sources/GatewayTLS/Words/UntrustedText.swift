/// What is wrong with a peer's certificate, in an operator's words.
struct UntrustedText {
    let peer: FailureText.Peer

    private var isServer: Bool { peer == .server }

    func expired(_ notAfter: Int64) -> TLSFailure {
        TLSFailure(
            .certificateExpired, "the \(peer)'s certificate expired on \(CalendarDay.text(notAfter)); renew it")
    }

    func notYetValid(_ notBefore: Int64) -> TLSFailure {
        TLSFailure(
            .certificateNotYetValid,
            "the \(peer)'s certificate is not valid before \(CalendarDay.text(notBefore)); correct the clock of this"
                + " machine, or the certificate")
    }

    /// An authority between the certificate and the trusted ones.
    func authorityOutsideItsTime(_ facts: TLSCertificateFacts, isExpired: Bool) -> TLSFailure {
        let name = Self.shortened(facts.subject)
        return TLSFailure(
            isExpired ? .certificateExpired : .certificateNotYetValid,
            "the \(peer)'s certificate is not trusted, because that of its authority \(name) "
                + (isExpired
                    ? "expired on \(CalendarDay.text(facts.notAfter))"
                    : "is not valid before \(CalendarDay.text(facts.notBefore))"))
    }

    var selfSigned: TLSFailure {
        TLSFailure(
            .selfSigned,
            isServer
                ? "the server's certificate is self-signed and not trusted; name a copy of it in ca of the upstream's"
                    + " tls"
                : "the client's certificate is self-signed and not trusted; name a copy of it in client_ca of the"
                    + " listener's tls")
    }

    func unknownAuthority(_ issuer: String) -> TLSFailure {
        TLSFailure(
            .unknownAuthority,
            "the \(peer)'s certificate is not trusted; \(Self.shortened(issuer)) signed it: name the certificate"
                + " of that authority in \(isServer ? "ca of the upstream's" : "client_ca of the listener's") tls, or let"
                + " the \(peer) send the intermediate certificates")
    }

    /// - Parameter expected: nil: an address was, which the certificate has to name as such (RFC 9525 §6.5).
    func misnamed(_ facts: TLSCertificateFacts, expected: String?) -> TLSFailure {
        let names = facts.names + facts.addresses.compactMap(AddressText.text)
        let found = names.isEmpty ? "no name" : Self.shortened(names.joined(separator: ", "))
        return TLSFailure(
            .nameMismatch,
            "the \(peer)'s certificate is for \(found), expected \(expected ?? "the server's address"); server_name of"
                + " the upstream's tls sets the expected name")
    }

    /// - Parameter reason: BoringSSL's words for it.
    func other(_ reason: String) -> TLSFailure {
        TLSFailure(.untrustedCertificate, "the \(peer)'s certificate is not trusted: \(reason)")
    }

    /// What a peer put into its certificate may be long.
    private static func shortened(_ text: String) -> String {
        text.count > 200 ? text.prefix(200) + "…" : text
    }
}
