#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a name could not be looked up, in an operator's words.
enum NameLookupFailure {
    /// - Parameter status: what getaddrinfo gave (RFC 3493 §6.1), not 0.
    static func text(for status: CInt) -> String {
        switch status {
        case EAI_NONAME:
            return "DNS and /etc/hosts do not know the name; correct it, or add it there"
        case EAI_AGAIN:
            return "no name server answered; the gateway asks again (/etc/resolv.conf names the servers)"
        case EAI_FAIL:
            return "the name server refused to answer"
        default:
            return String(cString: gai_strerror(status))
        }
    }
}
