/// One mistake in a configuration file, at the place to correct. As JSON it has the keys `severity`, `file`, `line`,
/// `column` and `message`.
public struct ConfigurationIssue: Error, Equatable, Sendable, Encodable, CustomStringConvertible {
    public enum Severity: String, Sendable, Encodable {
        /// The file is refused.
        case error
        /// The file is taken, but hardly what its author wants.
        case warning
    }

    public var severity: Severity
    /// As it was given on the command line.
    public var file: String
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int
    /// What was expected and what was found. Never the value of an environment variable or of a token.
    public var message: String

    public init(severity: Severity = .error, file: String, line: Int, column: Int, message: String) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// `FILE:LINE:COLUMN`
    public var place: String { "\(file):\(line):\(column)" }

    /// `FILE:LINE:COLUMN: error: MESSAGE` or `…: warning: MESSAGE`, the form editors and build tools jump to. Always one
    /// line, whatever is in the name of the file.
    public var description: String {
        VisibleText.escaped("\(place): \(severity.rawValue): \(message)")
    }
}

/// Everything that is wrong with a configuration file.
public struct ConfigurationErrors: Error, Equatable, Sendable, CustomStringConvertible {
    /// Sorted by line, then column, without warnings. Never empty when thrown.
    public var errors: [ConfigurationIssue]

    public init(errors: [ConfigurationIssue]) {
        self.errors = errors
    }

    /// One issue a line.
    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}
