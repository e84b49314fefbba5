import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The demo's own files.
public enum DemoFile {
    /// Replaces the file.
    ///
    /// It has its final mode from the beginning: a key that is readable first and protected afterwards can be read
    /// in between. `O_EXCL` also refuses to follow a link that someone else left there.
    public static func write(_ text: String, to path: String, mode: mode_t) throws {
        if unlink(path) != 0, errno != ENOENT {
            throw DemoFileError(path: path, reason: String(cString: strerror(errno)))
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw DemoFileError(path: path, reason: String(cString: strerror(errno)))
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        } catch {
            throw DemoFileError(path: path, reason: String(describing: error))
        }
    }
}

/// A file of the demo could not be written.
public struct DemoFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file or directory.
    public let path: String
    /// The system's reason.
    public let reason: String

    public var description: String {
        "cannot write \(path): \(reason); the demo needs a directory it may write to"
    }
}
