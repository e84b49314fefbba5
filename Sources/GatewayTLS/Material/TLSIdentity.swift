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
    /// DER; nil: none is stapled.
    public let ocspResponse: [UInt8]?

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
