import GatewayConfig

/// A regular expression that whole paths are matched against.
///
/// The pattern comes from the configuration and is trusted not to backtrack without end; what a client sends is bounded
/// by ``maximumPathLength``.
// `Regex` is a value whose compiled program is built once, behind an atomic, and only read afterwards; the standard
// library has not marked it Sendable because a regex may hold custom closures, which one made from a string does not.
struct PathPattern: @unchecked Sendable {
    /// Longer paths match no pattern: the time a pattern may take grows with the path, and not linearly.
    static let maximumPathLength = 2048

    private let regex: Regex<AnyRegexOutput>

    /// - Throws: what `Regex` says is wrong with the pattern.
    init(_ pattern: String) throws {
        regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
        // Compiled here, not by the first client.
        _ = try? regex.wholeMatch(in: "/")
    }

    func matches(_ path: Substring) -> Bool {
        guard path.utf8.count <= Self.maximumPathLength else { return false }
        return (try? regex.wholeMatch(in: path)) != nil
    }
}
