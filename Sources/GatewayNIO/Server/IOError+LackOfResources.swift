import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension IOError {
    /// Whether this machine is short of something: file descriptors, memory, or ports of its own.
    var isLackOfResources: Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].contains(errnoCode)
    }
}
