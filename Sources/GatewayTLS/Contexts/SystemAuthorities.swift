import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The certificates of the authorities that the system trusts.
enum SystemAuthorities {
    /// Where they are on Debian, Ubuntu, Arch and Alpine; on Fedora and its relatives.
    static let files = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    /// What the file looked like when it was read.
    private struct Stamp: Equatable {
        let device: UInt64
        let file: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            file = UInt64(status.st_ino)
            size = Int64(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }
    }

    private struct Loaded: Sendable {
        let stamp: Stamp
        weak var verifier: CertificateVerifier?
    }

    /// A bundle takes more than a mebibyte, so contexts that use it at the same time have it in common.
    private static let loaded = Mutex<Loaded?>(nil)

    /// The first file that can be read.
    static func find() -> String? { files.first { access($0, R_OK) == 0 } }

    /// Of servers, by what the system trusts. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure` where the system has no file of authorities, or none that can be used.
    static func verifier() throws(TLSMaterialFailure) -> CertificateVerifier {
        guard let file = find() else {
            throw TLSMaterialFailure(
                reason: "the system has no file of trusted authorities, expected one at"
                    + " \(files.joined(separator: " or ")); install ca-certificates, or set ca of the upstream's tls")
        }
        // Whoever comes while another reads waits for what that one finds.
        return try loaded.withLock { (loaded) throws(TLSMaterialFailure) in
            // Taken before the file is read: a change meanwhile is found the next time.
            let stamp = Stamp(file)
            if let known = loaded?.verifier, loaded?.stamp == stamp { return known }
            let verifier = try CertificateVerifier(
                authorities: try TLSMaterial.authorities(file).certificates, ofClients: false)
            loaded = stamp.map { Loaded(stamp: $0, verifier: verifier) }
            return verifier
        }
    }
}
