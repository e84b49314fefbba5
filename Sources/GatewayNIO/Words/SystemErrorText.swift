#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the codes of the system mean wherever they come from.
enum SystemErrorText {
    /// What this machine is short of, and the remedy; nil: the code says something else.
    static func shortage(_ code: CInt) -> String? {
        switch code {
        case EMFILE:
            "the process has no file descriptor left; raise its limit (ulimit -n, or LimitNOFILE= of a systemd unit)"
        case ENFILE:
            "the system has no file descriptor left; raise fs.file-max with sysctl, or stop a process that has many open"
        case ENOBUFS, ENOMEM:
            "the system has no memory left for another socket"
        default: nil
        }
    }

    /// The system's own words, such as "Connection refused".
    static func words(_ code: CInt) -> String { String(cString: strerror(code)) }

    static func noFamily(isIPv6: Bool) -> String {
        isIPv6
            ? "this machine has no IPv6; turn it on, or use an IPv4 address"
            : "this machine has no IPv4; turn it on, or use an IPv6 address"
    }
}
