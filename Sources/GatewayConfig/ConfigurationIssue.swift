/// One mistake in a configuration file, at the place to correct.
public struct ConfigurationIssue: Error, Equatable, Sendable, CustomStringConvertible {
    /// As it was given on the command line.
    public var file: String
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars.
    public var column: Int
    /// What was expected and what was found. Never the value of an environment variable or of a token.
    public var message: String

    public init(file: String, line: Int, column: Int, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// `FILE:LINE:COLUMN: error: MESSAGE`, the form editors and build tools jump to.
    public var description: String {
        "\(file):\(line):\(column): error: \(message)"
    }
}

/// Everything that is wrong with a configuration file.
public struct ConfigurationErrors: Error, Equatable, Sendable, CustomStringConvertible {
    /// Sorted by line, then column. Never empty when thrown.
    public var errors: [ConfigurationIssue]

    public init(errors: [ConfigurationIssue]) {
        self.errors = errors
    }

    /// One issue a line.
    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}
