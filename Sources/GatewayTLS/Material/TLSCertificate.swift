internal import CNIOBoringSSL

/// One X.509 certificate. Never changed once it is read.
public final class TLSCertificate: @unchecked Sendable {
    let raw: OpaquePointer
    /// As it is sent.
    public let der: [UInt8]

    /// - Parameter trusted: in OpenSSL's format with what it is trusted for behind it, which is not kept.
    /// - Throws: why BoringSSL can't read it.
    init(der bytes: [UInt8], trusted: Bool = false) throws(Damage) {
        let certificate: OpaquePointer? = bytes.withUnsafeBufferPointer { buffer in
            var next = buffer.baseAddress
            let read =
                trusted
                ? d2i_X509_AUX(nil, &next, buffer.count) : d2i_X509(nil, &next, buffer.count)
            guard next == buffer.baseAddress?.advanced(by: buffer.count) else {
                X509_free(read)
                return nil
            }
            return read
        }
        guard let certificate else {
            throw Damage(reason: ErrorQueue.takeReason().map(ErrorQueue.words) ?? "bytes follow its end")
        }
        guard let key = X509_get0_pubkey(certificate), EVP_PKEY_id(key) != EVP_PKEY_NONE else {
            X509_free(certificate)
            throw Damage(reason: ErrorQueue.takeReason().map(ErrorQueue.words) ?? "its key is of an unknown kind")
        }
        raw = certificate
        der = trusted ? Self.encoded(certificate) : bytes
    }

    deinit { X509_free(raw) }

    struct Damage: Error {
        let reason: String
    }

    public var facts: TLSCertificateFacts { TLSCertificateFacts(raw) }

    /// Its subject's name as DER.
    var subjectBytes: [UInt8] {
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        guard X509_NAME_get0_der(X509_get_subject_name(raw), &bytes, &count) == 1 else { return [] }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }

    /// Its issuer's name as DER.
    var issuerBytes: [UInt8] {
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        guard X509_NAME_get0_der(X509_get_issuer_name(raw), &bytes, &count) == 1 else { return [] }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }

    /// The content of its serial number's DER.
    var serialNumber: [UInt8] {
        defer { ErrorQueue.clear() }
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_ASN1_INTEGER(X509_get0_serialNumber(raw), &bytes)
        defer { OPENSSL_free(bytes) }
        guard count > 0 else { return [] }
        var reader = DERReader(Array(UnsafeBufferPointer(start: bytes, count: Int(count)))[...])
        return reader.read(0x02).map { Array($0) } ?? []
    }

    private static func encoded(_ certificate: OpaquePointer) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509(certificate, &bytes)
        defer { OPENSSL_free(bytes) }
        return count > 0 ? Array(UnsafeBufferPointer(start: bytes, count: Int(count))) : []
    }
}
