#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Messages for the person at the terminal that are not a command's result.
enum StandardError {
    static func print(_ text: String) {
        var line = text.hasSuffix("\n") ? text : text + "\n"
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// Ends the program; ArgumentParser's commands have an `exit` of their own.
func exitProcess(_ code: Int32) -> Never { exit(code) }
