#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The admin token as it is given to a command. No message shows it.
enum AdminToken {
    /// In bytes; as much as fits into a header field without trouble.
    private static let limit = 4096

    /// From a file that holds nothing else; white space around it is left out. nil: the file has none.
    static func inFile(_ path: String) throws -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw refusal("the token file \(path) could not be opened: \(lastError())") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            var piece = [UInt8](repeating: 0, count: limit)
            let count = piece.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw refusal("the token file \(path) could not be read: \(lastError())") }
            if count == 0 { break }
            bytes += piece.prefix(count)
        }
        guard bytes.count <= limit else { throw refusal("the token file \(path) is longer than \(limit) bytes") }
        let token = bytes.split(whereSeparator: { [0x20, 0x09, 0x0D, 0x0A].contains($0) })
        guard token.count <= 1 else {
            throw refusal("the token file \(path) contains more than one word, expected one token")
        }
        return try checked(String(decoding: token.first ?? [], as: UTF8.self), from: "the token file \(path)")
    }

    /// nil when it is empty.
    static func checked(_ text: String, from source: String) throws -> String? {
        guard !text.isEmpty else { return nil }
        guard text.utf8.count <= limit, text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw refusal("\(source) is not a token; expected up to \(limit) visible ASCII characters without spaces")
        }
        return text
    }

    private static func refusal(_ text: String) -> any Error {
        StandardError.print("error: \(text)")
        return Exit.usage
    }

    private static func lastError() -> String { String(cString: strerror(errno)) }
}
