public import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What `sluice check --format json` prints: one object.
public struct CheckReport: Encodable, Sendable {
    /// As it was given on the command line.
    public var file: String
    /// Whether a gateway takes the file.
    public var valid: Bool
    /// Sorted by line, then column.
    public var issues: [ConfigurationIssue]

    public init(file: String, valid: Bool, issues: [ConfigurationIssue]) {
        self.file = file
        self.valid = valid
        self.issues = issues
    }

    /// On several lines, its keys sorted. Hidden characters are escapes, as they may be in JSON (RFC 8259 §7).
    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "{}" }
        return VisibleText.escaped(String(decoding: data, as: UTF8.self), keepsLines: true)
    }
}
