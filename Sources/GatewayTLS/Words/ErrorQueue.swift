internal import CNIOBoringSSL

/// BoringSSL's errors of this thread.
enum ErrorQueue {
    /// BoringSSL's name for the first error, such as `WRONG_VERSION_NUMBER`, and nothing of the place in its sources.
    /// The queue is empty then. nil: it was empty, or the error has no name.
    static func takeReason() -> String? {
        defer { clear() }
        let error: UInt32 = ERR_get_error()
        return error == 0 ? nil : ERR_reason_error_string(error).map { String(cString: $0) }
    }

    static func clear() { ERR_clear_error() }

    /// As it reads in a sentence: "wrong version number".
    static func words(_ reason: String) -> String { reason.lowercased().replacing("_", with: " ") }
}
