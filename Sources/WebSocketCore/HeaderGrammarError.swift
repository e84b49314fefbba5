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

/// What arrived in a field, for a message. Clients put tokens where browsers let them, and messages are logged and
/// answered: so only words of the protocol are shown, and of everything else the length.
///
/// - Parameter known: in lower case.
func described(_ values: [String], known: Set<String> = []) -> String {
    guard let first = values.first else { return "missing" }
    guard values.count == 1 else { return "there \(values.count) times" }
    let value = FieldScanner.trimmed(first)
    return known.contains(value.lowercased()) ? "\"\(value)\"" : "another value, of \(value.utf8.count) bytes"
}
