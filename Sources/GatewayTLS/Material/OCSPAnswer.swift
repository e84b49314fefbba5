internal import CNIOBoringSSL

/// What an OCSP response says of one certificate (SingleResponse, RFC 6960 §4.2.1).
struct OCSPAnswer: Sendable, Equatable {
    enum Status: Sendable, Equatable {
        case good
        case revoked
        /// The authority knows no such certificate.
        case unknown
    }

    /// How the certificate is named: the hash of its issuer's name, and its serial number.
    let hash: CertificateHash?
    let issuerName: [UInt8]
    let serialNumber: [UInt8]
    let status: Status
    /// Seconds since 1970-01-01.
    let thisUpdate: Int64
    /// The last second that it is good for; nil: there is newer information at any time.
    let nextUpdate: Int64?

    /// The hashes that responders name issuers by.
    enum CertificateHash: Sendable, CaseIterable {
        case sha1
        case sha256

        fileprivate var identifier: [UInt8] {
            switch self {
            case .sha1: [0x2B, 0x0E, 0x03, 0x02, 0x1A]
            case .sha256: [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]
            }
        }

        fileprivate func digest(_ bytes: [UInt8]) -> [UInt8] {
            var digest = [UInt8](repeating: 0, count: self == .sha1 ? 20 : 32)
            switch self {
            case .sha1: SHA1(bytes, bytes.count, &digest)
            case .sha256: SHA256(bytes, bytes.count, &digest)
            }
            return digest
        }
    }

    /// Those of a BasicOCSPResponse; nil: it can't be read.
    static func all(in response: ArraySlice<UInt8>) -> [OCSPAnswer]? {
        var outer = DERReader(response)
        guard let basic = outer.read(0x30) else { return nil }
        var parts = DERReader(basic)
        guard let data = parts.read(0x30) else { return nil }
        var fields = DERReader(data)
        // The version stands there where it is not the first.
        _ = fields.read(0xA0)
        guard fields.read(0xA1) ?? fields.read(0xA2) != nil, fields.read(0x18) != nil,
            let list = fields.read(0x30)
        else { return nil }
        var entries = DERReader(list)
        var answers: [OCSPAnswer] = []
        while !entries.isAtEnd {
            guard let entry = entries.read(0x30), let answer = OCSPAnswer(entry) else { return nil }
            answers.append(answer)
        }
        return answers
    }

    private init?(_ entry: ArraySlice<UInt8>) {
        var fields = DERReader(entry)
        guard let identifier = fields.read(0x30) else { return nil }
        var certificate = DERReader(identifier)
        guard let algorithm = certificate.read(0x30), let name = certificate.read(0x04),
            certificate.read(0x04) != nil, let serial = certificate.read(0x02)
        else { return nil }
        var parts = DERReader(algorithm)
        let oid = parts.read(0x06).map { Array($0) }
        hash = CertificateHash.allCases.first { $0.identifier == oid }
        issuerName = Array(name)
        serialNumber = Array(serial)
        if fields.read(0x80) != nil {
            status = .good
        } else if fields.read(0xA1) != nil {
            status = .revoked
        } else if fields.read(0x82) != nil {
            status = .unknown
        } else {
            return nil
        }
        guard let begin = fields.read(0x18).flatMap(Self.seconds) else { return nil }
        thisUpdate = begin
        if let explicit = fields.read(0xA0) {
            var time = DERReader(explicit)
            guard let end = time.read(0x18).flatMap(Self.seconds) else { return nil }
            nextUpdate = end
        } else {
            nextUpdate = nil
        }
    }

    /// Whether it is about that certificate.
    func isAbout(_ certificate: TLSCertificate) -> Bool {
        guard certificate.serialNumber == serialNumber else { return false }
        return hash.map { $0.digest(certificate.issuerBytes) == issuerName } ?? true
    }

    /// Of a GeneralizedTime (RFC 5280 §4.1.2.5.2).
    private static func seconds(_ text: ArraySlice<UInt8>) -> Int64? {
        defer { ErrorQueue.clear() }
        guard let time = ASN1_GENERALIZEDTIME_new() else { return nil }
        defer { ASN1_GENERALIZEDTIME_free(time) }
        var seconds: Int64 = 0
        guard !text.contains(0), ASN1_GENERALIZEDTIME_set_string(time, String(decoding: text, as: UTF8.self)) == 1,
            ASN1_TIME_to_posix(time, &seconds) == 1
        else { return nil }
        return seconds
    }
}
