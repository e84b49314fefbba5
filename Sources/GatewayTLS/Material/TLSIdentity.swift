/// The certificates of one file, in its order.
public struct TLSCertificates: Sendable {
    /// As messages name it.
    public let file: String
    /// At least one.
    public let chain: [TLSCertificate]
    /// Those of the first.
    public let facts: TLSCertificateFacts
}

/// Certificates to trust.
public struct TLSAuthorities: Sendable {
    /// At least one.
    public let certificates: [TLSCertificate]
    /// Of each block that is no certificate: which, and what is wrong with it.
    public let warnings: [String]
}

/// What one side shows of itself: a chain, its key, and what its authority says about it.
public struct TLSIdentity: Sendable {
    public let certificates: TLSCertificates
    public let privateKey: TLSPrivateKey
    /// nil: there is none.
    public let ocspResponse: OCSPResponse?

    /// What is odd about the OCSP response, in one sentence; nil: nothing, or there is none.
    ///
    /// - Parameter now: seconds since 1970-01-01.
    public func ocspWarning(now: Int64) -> String? {
        ocspResponse?.judgement(beside: certificates, now: now).warning
    }

    /// Why no client of TLS 1.2 gets the certificate; nil: one of the cipher suites is for a key of its kind.
    ///
    /// - Parameter ciphers: by the names of either register; empty: those that are offered where nothing is set.
    public func cipherWarning(_ ciphers: [String]) -> String? {
        // Ed25519 goes with the suites for ECDSA (RFC 8422 §5.10).
        let isRSA = privateKey.kind == .rsa
        guard !ciphers.isEmpty, !ciphers.contains(where: { $0.contains("ECDSA") != isRSA }) else { return nil }
        return "ciphers has no cipher suite for the \(isRSA ? "RSA" : "ECDSA or Ed25519") key of the certificate in"
            + " \(certificates.file), so clients of TLS 1.2 do not get it; add one, or set minimum_version: \"1.3\""
    }

    /// Why a certificate that is not known yet is not to be served; nil: it is valid at that time.
    ///
    /// - Parameter now: seconds since 1970-01-01.
    public func timeFailure(now: Int64) -> TLSMaterialFailure? {
        certificates.facts.timeFailure(now: now, file: certificates.file)
    }

    /// That the certificate ends soon, in one sentence; nil: it does not.
    ///
    /// - Parameters:
    ///   - now: in seconds since 1970-01-01.
    ///   - time: what is soon, in seconds.
    public func endingSoon(now: Int64, within time: Int64) -> String? {
        let end = certificates.facts.notAfter
        let (left, overflow) = end.subtractingReportingOverflow(now)
        guard !overflow, left < time else { return nil }
        return "the certificate in \(certificates.file) expires on \(CalendarDay.text(end)); renew it"
    }
}

extension TLSCertificateFacts {
    /// - Parameter file: as messages name it.
    func timeFailure(now: Int64, file: String) -> TLSMaterialFailure? {
        if now > notAfter {
            return TLSMaterialFailure(reason: "the certificate in \(file) expired on \(CalendarDay.text(notAfter))")
        }
        if now < notBefore {
            return TLSMaterialFailure(
                reason: "the certificate in \(file) is not valid before \(CalendarDay.text(notBefore))")
        }
        return nil
    }
}
