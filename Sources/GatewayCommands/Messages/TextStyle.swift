/// Colours and weights of a terminal (ECMA-48 §8.3.117), or none.
public struct TextStyle: Equatable, Sendable {
    public var isColoured: Bool

    /// For a stream that is no terminal, a terminal that knows no colours, and whoever sets `NO_COLOR`.
    public static let plain = TextStyle(isColoured: false)

    public init(isColoured: Bool) {
        self.isColoured = isColoured
    }

    /// - Parameters:
    ///   - isTerminal: whether the stream leads to one.
    ///   - environment: `NO_COLOR`, when it is there and not empty, rules colours out (no-color.org), as does
    ///     `TERM=dumb`.
    public init(isTerminal: Bool, environment: [String: String]) {
        isColoured = isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }

    public func bold(_ text: String) -> String { styled("1", text) }
    public func faint(_ text: String) -> String { styled("2", text) }
    public func inverse(_ text: String) -> String { styled("7", text) }
    public func red(_ text: String) -> String { styled("1;31", text) }
    public func green(_ text: String) -> String { styled("1;32", text) }
    public func yellow(_ text: String) -> String { styled("1;33", text) }

    private func styled(_ codes: String, _ text: String) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(codes)m\(text)\u{1B}[0m" : text
    }
}
