internal import CNIOBoringSSL

/// The cipher suites of TLS 1.2. Those of TLS 1.3 can't be chosen, and all of them are offered.
public enum CipherList {
    /// Forward secrecy and AEAD alone. Of those in brackets a client's choice counts, which knows what its processor is
    /// good at.
    static let standard =
        "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305|ECDHE-RSA-AES128-GCM-SHA256"
        + "|ECDHE-RSA-CHACHA20-POLY1305]:[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-RSA-AES256-GCM-SHA384]"

    /// What is wrong with one name of a list, as the end of a sentence; nil: it can be used.
    ///
    /// - Parameter name: of a cipher suite of TLS 1.2, as IANA has registered it or as OpenSSL calls it.
    public static func problem(with name: String) -> String? {
        if ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"].contains(name) {
            return "is a cipher suite of TLS 1.3, and the gateway always offers those; remove it from ciphers"
        }
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
            }
        guard isName, let context = SSL_CTX_new(TLS_with_buffers_method()) else { return unknown }
        defer {
            SSL_CTX_free(context)
            ErrorQueue.clear()
        }
        guard SSL_CTX_set_strict_cipher_list(context, name) == 1,
            OPENSSL_sk_num(SSL_CTX_get_ciphers(context)) == 1
        else { return unknown }
        return nil
    }

    /// Those that BoringSSL has for TLS 1.2 and servers with certificates, by OpenSSL's names: without what it has only
    /// for those who insist, such as 3DES.
    static func known() -> [String] {
        guard let context = SSL_CTX_new(TLS_with_buffers_method()) else { return [] }
        defer {
            SSL_CTX_free(context)
            ErrorQueue.clear()
        }
        guard SSL_CTX_set_strict_cipher_list(context, "ALL:!aPSK") == 1 else { return [] }
        let ciphers = SSL_CTX_get_ciphers(context)
        return (0..<OPENSSL_sk_num(ciphers)).compactMap { index in
            SSL_CIPHER_get_name(OPENSSL_sk_value(ciphers, index).map { OpaquePointer($0) }).map { String(cString: $0) }
        }
    }

    private static let unknown =
        "is not a known cipher suite of TLS 1.2; expected a name such as ECDHE-RSA-AES128-GCM-SHA256"

    /// The list as BoringSSL reads it, in the order of preference.
    ///
    /// - Throws: `TLSMaterialFailure` for a name that can't be used.
    static func text(_ names: [String]) throws(TLSMaterialFailure) -> String {
        for name in names {
            if let problem = problem(with: name) { throw TLSMaterialFailure(reason: "\(name) \(problem)") }
        }
        return names.isEmpty ? standard : names.joined(separator: ":")
    }
}
