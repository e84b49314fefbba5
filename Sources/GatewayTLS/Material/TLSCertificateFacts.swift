internal import CNIOBoringSSL

/// What a certificate says that others want to know.
public struct TLSCertificateFacts: Sendable, Equatable {
    /// DNS names of the subject alternative name, as they stand there. The common name is none (RFC 9525 §2).
    public var names: [String] = []
    /// Addresses of the subject alternative name, 4 or 16 bytes each.
    public var addresses: [[UInt8]] = []
    /// Seconds since 1970-01-01; the most negative number where it can't be read.
    public var notBefore: Int64
    /// Seconds since 1970-01-01, the last of which it is valid in; the most negative number where it can't be read.
    public var notAfter: Int64
    /// As RFC 4514 writes it, such as "CN=Authority,O=Example".
    public var subject: String
    public var issuer: String

    /// - Parameter certificate: an X509.
    init(_ certificate: OpaquePointer) {
        notBefore = Self.seconds(X509_get0_notBefore(certificate))
        notAfter = Self.seconds(X509_get0_notAfter(certificate))
        subject = Self.text(X509_get_subject_name(certificate))
        issuer = Self.text(X509_get_issuer_name(certificate))
        guard let found = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
            ErrorQueue.clear()
            return
        }
        let alternatives = OpaquePointer(found)
        defer { GENERAL_NAMES_free(alternatives) }
        for index in 0..<OPENSSL_sk_num(alternatives) {
            guard let entry = OPENSSL_sk_value(alternatives, index) else { continue }
            var kind: CInt = 0
            let value = GENERAL_NAME_get0_value(entry.assumingMemoryBound(to: GENERAL_NAME.self), &kind)
            guard kind == GEN_DNS || kind == GEN_IPADD, let value else { continue }
            let string = value.assumingMemoryBound(to: ASN1_STRING.self)
            let bytes = Array(
                UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string))))
            if kind == GEN_DNS {
                names.append(String(decoding: bytes, as: UTF8.self))
            } else {
                addresses.append(bytes)
            }
        }
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var seconds: Int64 = 0
        guard let time, ASN1_TIME_to_posix(time, &seconds) == 1 else {
            ErrorQueue.clear()
            return .min
        }
        return seconds
    }

    private static func text(_ name: OpaquePointer?) -> String {
        guard let name, let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        // That of RFC 2253, but letters beyond ASCII as they are.
        let flags =
            UInt(ASN1_STRFLGS_ESC_2253) | UInt(ASN1_STRFLGS_ESC_CTRL) | UInt(ASN1_STRFLGS_UTF8_CONVERT)
            | UInt(ASN1_STRFLGS_DUMP_UNKNOWN) | UInt(ASN1_STRFLGS_DUMP_DER) | UInt(XN_FLAG_SEP_COMMA_PLUS)
            | UInt(XN_FLAG_DN_REV) | UInt(XN_FLAG_FN_SN) | UInt(XN_FLAG_DUMP_UNKNOWN_FIELDS)
        X509_NAME_print_ex(bio, name, 0, flags)
        ErrorQueue.clear()
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        guard BIO_mem_contents(bio, &bytes, &count) == 1 else { return "" }
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}
