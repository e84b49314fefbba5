#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Warns of files with secrets that every user of the machine can read.
struct SecretFileCheck {
    let context: ReadingContext

    /// A file that the configuration names; `content` reads like "a private key".
    func check(_ path: ScalarText, holding content: String) {
        guard context.checksFiles, Self.isReadableByAll(context.absolutePath(path.text)) else { return }
        context.warn(
            "every user of this machine can read \(path.shown), which contains \(content); chmod 600 restricts it to its owner",
            at: path.place)
    }

    /// The configuration file itself, which holds `secret` unless that came from the environment, or is a mask.
    func checkOwnFile(_ secret: ScalarText) {
        if SecretMasks.isMask(secret.text) {
            context.warn(
                "\(secret.shown) is what sluice config print writes in the place of a secret; write the secret itself",
                at: secret.place)
            return
        }
        guard context.checksFiles, secret.isLiteral, Self.isReadableByAll(context.file) else { return }
        context.warn(
            "every user of this machine can read this file, which contains a secret here; put the secret into an "
                + "environment variable, as in ${NAME}, or restrict the file with chmod 600",
            at: secret.place)
    }

    /// Whether the file and every directory above it let in users who are neither its owner nor in its group.
    private static func isReadableByAll(_ path: String) -> Bool {
        guard !path.utf8.contains(0), let resolved = realpath(path, nil) else { return false }
        defer { free(resolved) }
        var rest = Substring(String(cString: resolved))
        var wanted = mode_t(S_IROTH)
        while true {
            var status = stat()
            guard stat(rest.isEmpty ? "/" : String(rest), &status) == 0, status.st_mode & wanted != 0 else {
                return false
            }
            guard let slash = rest.lastIndex(of: "/") else { return true }
            rest = rest[..<slash]
            wanted = mode_t(S_IXOTH)
        }
    }
}
