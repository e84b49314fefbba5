#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A text file read whole, up to a limit.
enum SmallFile {
    /// Why a file could not be read, as the end of a sentence: "could not be opened: No such file or directory".
    struct Failure: Error {
        var reason: String
    }

    /// What some editors put before UTF-8 text.
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// The text without a byte order mark.
    static func text(path: String, limit: Int) throws(Failure) -> String {
        guard !path.utf8.contains(0), let stream = fopen(path, "rb") else {
            throw Failure(reason: "could not be opened: \(reasonOfLastError())")
        }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = fread(&bytes, 1, limit + 1, stream)
        guard ferror(stream) == 0 else { throw Failure(reason: "could not be read: \(reasonOfLastError())") }
        guard count <= limit else { throw Failure(reason: "is longer than \(ByteSizeText.format(limit))") }
        let content = bytes.prefix(count)
        if let encoding = otherEncoding(of: content) {
            throw Failure(reason: "is \(encoding) text; save it as UTF-8")
        }
        guard
            let text = String(
                validating: content.starts(with: byteOrderMark) ? content.dropFirst(byteOrderMark.count) : content,
                as: UTF8.self)
        else {
            throw Failure(reason: "is not UTF-8 text")
        }
        return text
    }

    /// UTF-16 and UTF-32 are known by their byte order mark, or by the zeros beside a first character of ASCII
    /// (YAML 1.2 §5.2); nil: neither.
    private static func otherEncoding(of content: ArraySlice<UInt8>) -> String? {
        let first = Array(content.prefix(4))
        if first == [0xFF, 0xFE, 0, 0] || first == [0, 0, 0xFE, 0xFF] { return "UTF-32" }
        if first.starts(with: [0xFF, 0xFE]) || first.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
        guard first.count == 4, first.contains(0) else { return nil }
        switch (first[0] == 0, first[1] == 0) {
        case (true, true): return "UTF-32"
        case (true, false): return "UTF-16"
        case (false, true): return first[2] == 0 ? "UTF-32" : "UTF-16"
        case (false, false): return nil
        }
    }

    private static func reasonOfLastError() -> String {
        String(cString: strerror(errno))
    }
}
