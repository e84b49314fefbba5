/// Which HTTP a leg was opened with.
enum LegVersion: String, CaseIterable, CustomStringConvertible {
    case http1 = "http/1.1"
    case http2 = "h2"

    var description: String { rawValue }

    /// As `Via` has it.
    var number: String { self == .http1 ? "1.1" : "2.0" }
}
