public import GatewayPolicy

/// Where the lines about requests and WebSockets go.
public struct LineLog: Sendable {
    /// Begins a line of level info; nil: nobody wants it, and nothing is to be made for it.
    let begin: @Sendable (_ message: String) -> LogLine?
    let write: @Sendable (LogLine) -> Void

    /// For gateways whose lines nobody reads.
    public static let none = LineLog(begin: { _ in nil }, write: { _ in })

    public init(
        begin: @escaping @Sendable (_ message: String) -> LogLine?, write: @escaping @Sendable (LogLine) -> Void
    ) {
        self.begin = begin
        self.write = write
    }
}
