import GatewayConfig

/// A regular expression that whole paths are matched against.
///
/// The pattern comes from the configuration and is trusted not to backtrack without end; what a client sends is bounded
/// by ``maximumPathLength``, and refused where a longer path would have to be matched.
// `Regex` is a value whose compiled program is built once, behind an atomic, and only read afterwards; the standard
// library has not marked it Sendable because a regex may hold custom closures, which one made from a string does not.
struct PathPattern: @unchecked Sendable {
    /// In bytes. Longer paths are not matched: the time a pattern may take grows with the path, and not linearly.
    static let maximumPathLength = 2048

    private let regex: Regex<AnyRegexOutput>

    /// - Throws: what `Regex` says is wrong with the pattern.
    init(_ pattern: String) throws {
        regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
        // Compiled here, not by the first client.
        _ = try? regex.wholeMatch(in: "/")
    }

    func isTooLong(_ path: Substring) -> Bool { path.utf8.count > Self.maximumPathLength }

    func matches(_ path: Substring) -> Bool {
        (try? regex.wholeMatch(in: path)) != nil
    }
}
