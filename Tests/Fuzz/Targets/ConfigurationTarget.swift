import Foundation
import GatewayConfig

/// The YAML configuration: `ConfigurationFile.parse`, without the files that it names.
///
/// Invariant: any text gives a configuration or at least one error; each error is at a place that the text has, and
/// sorted by it. A configuration that is taken can be summed up. No text takes long, anchors that multiply included.
enum ConfigurationTarget {
    private static let limit = Duration.seconds(5)

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        // What is no UTF-8 is refused before it is parsed.
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let configuration = try ConfigurationFile.parse(
                text, file: "fuzzed", directory: "/etc/sluice", environment: ["NAME": "value", "EMPTY": ""],
                now: Date(timeIntervalSince1970: 1_800_000_000), judge: nil)
            try require(!configuration.listeners.isEmpty, "a configuration without listeners was taken")
            try require(!configuration.routes.isEmpty, "a configuration without routes was taken")
            let summary = summary(of: configuration)
            try require(!summary.isEmpty, "nothing sums the configuration up")
        } catch let errors as ConfigurationErrors {
            try judge(errors.errors, text)
        }
        let taken = clock.now - start
        try require(taken < limit, "\(bytes.count) bytes took \(taken), limit \(limit)")
    }

    private static func judge(_ errors: [ConfigurationIssue], _ text: String) throws {
        try require(!errors.isEmpty, "refused without an error")
        // Where a last line has no end, YAML's parser goes on to the next one, and says so.
        let lines = lengths(of: text) + [0]
        for issue in errors {
            try require(
                issue.line >= 1 && issue.line <= lines.count,
                "an error on line \(issue.line) of \(lines.count): \(issue)")
            let columns = lines[issue.line - 1] + 1
            try require(
                issue.column >= 1 && issue.column <= columns,
                "an error in column \(issue.column), line \(issue.line) has \(columns - 1): \(issue)")
            try require(!issue.message.isEmpty && !issue.message.contains("\n"), "the message is \"\(issue.message)\"")
        }
        let isSorted = zip(errors, errors.dropFirst()).allSatisfy { ($0.line, $0.column) <= ($1.line, $1.column) }
        try require(isSorted, "the errors are not sorted: \(errors)")
    }

    /// The Unicode scalars of each line, as YAML 1.1 ends lines. Behind the last end there is a line too.
    private static func lengths(of text: String) -> [Int] {
        var lengths = [0]
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lengths.append(0)
            default: lengths[lengths.count - 1] += 1
            }
            previous = scalar
        }
        return lengths
    }
}
