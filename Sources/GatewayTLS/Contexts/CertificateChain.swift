internal import CNIOBoringSSL

/// The certificates that a peer has shown, its own first, parsed for as long as they are looked at.
struct CertificateChain: ~Copyable {
    /// nil: there was none, or one of them is no certificate.
    let certificates: OpaquePointer?
    let isEmpty: Bool

    /// - Parameter buffers: a stack of CRYPTO_BUFFERs.
    init(_ buffers: OpaquePointer?) {
        let count = buffers.map { OPENSSL_sk_num($0) } ?? 0
        isEmpty = count == 0
        guard count > 0, let stack = OPENSSL_sk_new_null() else {
            certificates = nil
            return
        }
        for index in 0..<count {
            guard let buffer = OPENSSL_sk_value(buffers, index),
                let certificate = X509_parse_from_buffer(OpaquePointer(buffer)),
                OPENSSL_sk_push(stack, UnsafeMutableRawPointer(certificate)) > 0
            else {
                ErrorQueue.clear()
                Self.free(stack)
                certificates = nil
                return
            }
        }
        certificates = stack
    }

    deinit { certificates.map(Self.free) }

    var leaf: OpaquePointer? { certificates.flatMap { OPENSSL_sk_value($0, 0) }.map { OpaquePointer($0) } }

    /// The certificates as DER.
    ///
    /// - Parameter buffers: a stack of CRYPTO_BUFFERs.
    static func bytes(of buffers: OpaquePointer?) -> [[UInt8]] {
        guard let buffers else { return [] }
        return (0..<OPENSSL_sk_num(buffers)).compactMap { index in
            OPENSSL_sk_value(buffers, index).map { buffer in
                let buffer = OpaquePointer(buffer)
                return Array(UnsafeBufferPointer(start: CRYPTO_BUFFER_data(buffer), count: CRYPTO_BUFFER_len(buffer)))
            }
        }
    }

    private static func free(_ stack: OpaquePointer) {
        for index in 0..<OPENSSL_sk_num(stack) { X509_free(OPENSSL_sk_value(stack, index).map { OpaquePointer($0) }) }
        OPENSSL_sk_free(stack)
    }
}
