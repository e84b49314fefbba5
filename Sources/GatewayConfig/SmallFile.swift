import Foundation

/// A text file read whole, up to a limit.
enum SmallFile {
    /// Why a file could not be read, as the end of a sentence: "could not be opened: No such file or directory".
    struct Failure: Error {
        var reason: String
    }

    static func text(path: String, limit: Int) throws(Failure) -> String {
        guard !path.utf8.contains(0), let stream = fopen(path, "rb") else {
            throw Failure(reason: "could not be opened: \(reasonOfLastError())")
        }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = fread(&bytes, 1, limit + 1, stream)
        guard ferror(stream) == 0 else { throw Failure(reason: "could not be read: \(reasonOfLastError())") }
        guard count <= limit else { throw Failure(reason: "is longer than \(ByteSizeText.format(limit))") }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw Failure(reason: "is not UTF-8 text")
        }
        return text
    }

    private static func reasonOfLastError() -> String {
        String(cString: strerror(errno))
    }
}
