#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file of certificates or keys, read whole.
enum MaterialFile {
    static let sizeLimit = 1024 * 1024

    /// A path as messages name it, where nothing else is said.
    static func quoted(_ path: String) -> String { "\"\(path)\"" }

    /// - Parameter shown: how messages name the file.
    /// - Throws: `TLSMaterialFailure` for a file that can't be read, or is longer than 1 MiB.
    static func bytes(_ path: String, shownAs shown: String) throws(TLSMaterialFailure) -> [UInt8] {
        func failure(_ reason: String) -> TLSMaterialFailure {
            TLSMaterialFailure(file: path, reason: "the file \(shown) \(reason)")
        }
        guard !path.utf8.contains(0) else { throw failure("could not be opened: its name contains a zero byte") }
        // Without waiting for whoever writes to a pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("could not be opened: \(lastError())") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        var count = 0
        while true {
            if count == bytes.count { bytes += [UInt8](repeating: 0, count: bytes.count) }
            let got = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure("could not be read: \(lastError())") }
            guard got > 0 else { return Array(bytes[..<count]) }
            count += got
            guard count <= sizeLimit else { throw failure("is longer than 1MiB") }
        }
    }

    /// Whether every user of the system may read a file.
    static func isReadableByOthers(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & 0o004 != 0
    }

    private static func lastError() -> String { String(cString: strerror(errno)) }
}
