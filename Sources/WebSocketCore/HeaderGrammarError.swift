/// A field value that does not follow its grammar: what was expected, what arrived and where.
public struct HeaderGrammarError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, in one line.
    public var message: String
    /// Offset in bytes from the start of the field line.
    public var position: Int

    public init(message: String, position: Int) {
        self.message = message
        self.position = position
    }

    public var description: String { "\(message) at byte \(position)" }
}

/// What arrived, for a message: the peer decides how long it is, so only its beginning.
func quoted(_ value: String) -> String {
    value.unicodeScalars.count <= 64 ? "\"\(value)\"" : "\"\(String(value.unicodeScalars.prefix(64)))…\""
}
