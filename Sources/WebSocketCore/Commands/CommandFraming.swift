/// How messages are told apart on the standard input and output of a command.
public enum CommandFraming: String, CaseIterable, Sendable {
    /// A line is a text message.
    case line
    /// A message is its length, four bytes with the highest first, and so many bytes.
    case binary

    /// Bytes of a message that are gathered, so that a short one is one frame and one write. Of a longer one the pieces
    /// go on as they come.
    static let gathered = 64 * 1024
}
