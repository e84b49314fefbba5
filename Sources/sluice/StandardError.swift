import GatewayConfig

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Messages for the person at the terminal that are not a command's result. Names of files, arguments and texts of the
/// configuration are in them: only what can be seen goes to the terminal.
enum StandardError {
    static func print(_ text: String) {
        var line = VisibleText.escaped(text, keepsLines: true)
        if !line.hasSuffix("\n") { line += "\n" }
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// What a command was asked for, with the same care.
enum StandardOutput {
    static func print(_ text: String) {
        Swift.print(VisibleText.escaped(text, keepsLines: true))
    }
}

/// Ends the program; ArgumentParser's commands have an `exit` of their own.
func exitProcess(_ code: Int32) -> Never { exit(code) }
