import NIOSSL

/// BoringSSL's name for what went wrong, such as `WRONG_VERSION_NUMBER`.
///
/// NIOSSL tells it in the description of its errors alone, between numbers, and paths of the machine that built it.
enum TLSReason {
    /// nil: the error is none of TLS, or has no name.
    static func name(of error: any Error) -> String? {
        stack(of: error)?.lazy.compactMap(name).first
    }

    static func isTLS(_ error: any Error) -> Bool {
        error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
    }

    static func stack(of error: any Error) -> NIOBoringSSLErrorStack? {
        switch error {
        case NIOSSLError.handshakeFailed(let inner), NIOSSLError.shutdownFailed(let inner): stack(of: inner)
        case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack),
            BoringSSLError.invalidSNIName(let stack), BoringSSLError.failedToSetALPN(let stack):
            stack
        default: nil
        }
    }

    /// From `Error: 268435703 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at /build/x.cc:1`.
    private static func name(_ error: BoringSSLInternalError) -> String? {
        let parts = error.description.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count >= 6, let word = parts[5].split(separator: " ").first else { return nil }
        let isName = word.utf8.allSatisfy { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "_")
        }
        return isName ? String(word) : nil
    }

    /// As it reads in a sentence: "wrong version number".
    static func words(_ name: String) -> String { name.lowercased().replacing("_", with: " ") }

    /// The alert that the peer sent (RFC 8446 §6), such as "unknown ca"; nil: it sent none.
    static func alert(in name: String) -> String? {
        for prefix in ["TLSV1_ALERT_", "SSLV3_ALERT_"] where name.hasPrefix(prefix) {
            return words(String(name.dropFirst(prefix.count)))
        }
        return nil
    }
}
