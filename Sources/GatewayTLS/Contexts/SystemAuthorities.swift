#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the system keeps the certificates of the authorities it trusts.
enum SystemAuthorities {
    /// Of Debian, Ubuntu, Arch and Alpine; of Fedora and its relatives.
    static let files = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    /// The first that is there.
    static func find() -> String? { files.first { access($0, R_OK) == 0 } }
}
