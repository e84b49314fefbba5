#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// By what a file is known to have changed: which file a path leads to, through any links, and how that file looks.
public struct FileStamp: Equatable, Sendable {
    /// Where the links lead. Where a folder's link is swapped, as in the ConfigMaps of Kubernetes, the file itself may
    /// look as before.
    var target: String
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// Kind and permissions: a file that could not be read may be readable now.
    var mode: UInt32
    /// Seconds and nanoseconds since 1970.
    var modified: [Int]
    /// Of its inode: a renaming and a change of owner count as well.
    var changed: [Int]
}

extension FileStamp {
    /// nil: there is no such file, or it can't be looked at. Blocks.
    public init?(path: String) {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        var status = stat()
        guard stat(real, &status) == 0 else { return nil }
        target = String(cString: real)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        mode = UInt32(status.st_mode)
        modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }

    /// Whether something happened to it at that time, in seconds and nanoseconds since 1970, or later.
    public func changed(since time: [Int]) -> Bool { !changed.lexicographicallyPrecedes(time) }
}
