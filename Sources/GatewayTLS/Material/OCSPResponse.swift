/// A response of OCSP (RFC 6960 §4.2.1), as far as it has to be known before it is stapled.
public struct OCSPResponse: Sendable {
    /// As it is sent.
    let der: [UInt8]
    /// What it says; nil: its inside can't be read, and is the business of clients.
    let answers: [OCSPAnswer]?
    /// The file, as messages name it.
    let file: String

    /// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
    private static let basic: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]
    private static let errors: [UInt8: String] = [
        1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized",
    ]

    /// Reads a file that holds a basic response.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be read or holds something else, a response that says no
    ///   more than why there is none included.
    init(_ path: String, shownAs name: String) throws(TLSMaterialFailure) {
        let bytes = try MaterialFile.bytes(path, shownAs: name)
        func failure(_ found: String) -> TLSMaterialFailure {
            TLSMaterialFailure(file: path, reason: "expected an OCSP response (DER) in \(name), found \(found)")
        }
        var reader = DERReader(bytes[...])
        guard let response = reader.read(0x30), reader.isAtEnd else { throw failure("something else") }
        var parts = DERReader(response)
        guard let status = parts.read(0x0A), status.count == 1, let code = status.first else {
            throw failure("something else")
        }
        guard code == 0 else { throw failure("one that is an error (\(Self.errors[code] ?? "\(code)"))") }
        guard let explicit = parts.read(0xA0), parts.isAtEnd else { throw failure("one that is empty") }
        var inner = DERReader(explicit)
        guard let typed = inner.read(0x30) else { throw failure("something else") }
        var fields = DERReader(typed)
        guard let kind = fields.read(0x06), let content = fields.read(0x04), fields.isAtEnd else {
            throw failure("something else")
        }
        guard Array(kind) == Self.basic else { throw failure("one of an unknown kind") }
        der = bytes
        answers = OCSPAnswer.all(in: content)
        file = name
    }

    /// What there is to say about a response beside its certificate.
    struct Judgement: Equatable {
        /// Whether clients get it. They would refuse to connect for one that is out of date, or of another certificate.
        var isStapled = true
        /// One sentence; nil: there is nothing odd.
        var warning: String?
        /// Seconds since 1970-01-01, when that changes by itself; nil: never.
        var changesAt: Int64?
    }

    /// - Parameters:
    ///   - certificate: which it is stapled to.
    ///   - now: seconds since 1970-01-01.
    func judgement(beside certificate: TLSCertificates, now: Int64) -> Judgement {
        guard let answers, let own = certificate.chain.first else { return Judgement() }
        let notStapled = "the gateway does not staple it"
        guard let answer = answers.first(where: { $0.isAbout(own) }) else {
            return Judgement(
                isStapled: false,
                warning: "the OCSP response in \(file) is not for the certificate in \(certificate.file);"
                    + " \(notStapled)")
        }
        if let end = answer.nextUpdate, now > end {
            return Judgement(
                isStapled: false,
                warning: "the OCSP response in \(file) was valid until \(CalendarDay.text(end)); \(notStapled)")
        }
        guard now >= answer.thisUpdate else {
            return Judgement(
                isStapled: false,
                warning: "the OCSP response in \(file) is not valid before \(CalendarDay.text(answer.thisUpdate));"
                    + " \(notStapled)",
                changesAt: answer.thisUpdate)
        }
        let warning: String? =
            switch answer.status {
            case .good: nil
            case .revoked: "the OCSP response in \(file) says that the certificate is revoked"
            case .unknown: "the OCSP response in \(file) says that its authority does not know the certificate"
            }
        return Judgement(warning: warning, changesAt: answer.nextUpdate.map { $0 < .max ? $0 + 1 : $0 })
    }
}
