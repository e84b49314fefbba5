internal import CNIOBoringSSL

/// BoringSSL's errors of this thread.
enum ErrorQueue {
    /// BoringSSL's name for the first error of TLS itself, such as `WRONG_VERSION_NUMBER`, else for the first of all:
    /// below it, ciphers and parsers have names of their own. Nothing of the place in its sources is told. The queue is
    /// empty then. nil: it was empty, or the error has no name.
    static func takeReason() -> String? {
        defer { clear() }
        var first: UInt32 = 0
        while true {
            let error: UInt32 = ERR_get_error()
            if error == 0 { break }
            if first == 0 { first = error }
            if ERR_GET_LIB(error) == CInt(ERR_LIB_SSL) {
                first = error
                break
            }
        }
        return first == 0 ? nil : ERR_reason_error_string(first).map { String(cString: $0) }
    }

    /// BoringSSL's name for an alert that came (RFC 8446 §6), such as `TLSV1_ALERT_UNKNOWN_CA`; nil: it has none.
    static func reason(ofAlert code: UInt8) -> String? {
        let error = UInt32(ERR_LIB_SSL) << 24 | UInt32(SSL_AD_REASON_OFFSET) + UInt32(code)
        return ERR_reason_error_string(error).map { String(cString: $0) }
    }

    static func clear() { ERR_clear_error() }

    /// As it reads in a sentence: "wrong version number".
    static func words(_ reason: String) -> String { reason.lowercased().replacing("_", with: " ") }
}
