#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The process's own files in /proc, which Swift's runtime reads.
///
/// It learns the program's arguments by way of /proc, and without it finds none. Dispatch reads there what its threads
/// are doing, and ends the process if it can't, some time later. So nothing that needs either may run without.
public enum ProcessFiles {
    /// - Throws: `StartError` when they are not there.
    public static func check() throws {
        let path = "/proc/\(getpid())/stat"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor < 0 else {
            close(descriptor)
            return
        }
        let code = errno
        // Too few descriptors have a message of their own.
        guard code != EMFILE, code != ENFILE else { return }
        throw StartError(
            description: "sluice can't read \(path): \(String(cString: strerror(code))); "
                + "mount /proc, for instance with mount -t proc proc /proc")
    }
}
