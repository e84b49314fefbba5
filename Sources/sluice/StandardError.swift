import GatewayCommands
import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Messages for the person at the terminal that are not a command's result. Names of files, arguments and texts of the
/// configuration are in them: only what can be seen goes to the terminal.
enum StandardError {
    static func print(_ text: String) {
        write(VisibleText.escaped(text, keepsLines: true))
    }

    /// Issues with the source they are about.
    static func show(_ issues: [ConfigurationIssue], of path: String) {
        guard !issues.isEmpty else { return }
        write(IssueText(style: style).text(of: issues, source: ConfigurationFile.source(path: path)))
    }

    /// Issues that a gateway told, one a line; with the source, if the file is on this machine.
    static func show(lines: String, of path: String, isHere: Bool) {
        guard !lines.isEmpty else { return }
        let source = isHere ? ConfigurationFile.source(path: path) : nil
        write(IssueText(style: style).text(ofLines: lines, file: path, source: source))
    }

    private static var style: TextStyle { .init(of: STDERR_FILENO) }

    /// Of text that is safe to show.
    private static func write(_ text: String) {
        var line = text
        if !line.hasSuffix("\n") { line += "\n" }
        line.withUTF8 { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = posixWrite(STDERR_FILENO, bytes.baseAddress?.advanced(by: sent), bytes.count - sent)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                sent += count
            }
        }
    }
}

/// The function of the C library, which a type's own hides.
func posixWrite(_ descriptor: CInt, _ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

extension TextStyle {
    /// For what goes to `descriptor`.
    init(of descriptor: CInt) {
        self.init(isTerminal: isatty(descriptor) == 1, environment: ProcessInfo.processInfo.environment)
    }
}

/// What a command was asked for, with the same care.
enum StandardOutput {
    static func print(_ text: String) {
        Swift.print(VisibleText.escaped(text, keepsLines: true))
    }

    /// Text that ends with a line feed.
    static func write(_ text: String) {
        Swift.print(VisibleText.escaped(text, keepsLines: true), terminator: "")
    }
}

/// Ends the program; ArgumentParser's commands have an `exit` of their own.
func exitProcess(_ code: Int32) -> Never { exit(code) }
