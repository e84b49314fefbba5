import Foundation
import GatewayConfig
import TestSupport
import Testing

/// Whatever a file holds, reading it ends, with a configuration or with placed errors.
@Suite struct MutationTests {
    /// More in a long run: `SLUICE_CONFIG_MUTATIONS=100000 swift test --filter MutationTests`.
    static let count = Int(ProcessInfo.processInfo.environment["SLUICE_CONFIG_MUTATIONS"] ?? "") ?? 200
    static let inserts = [
        "", " ", "\n", "\t", ":", "- ", "[", "]", "{", "}", "\"", "'", "#", "&a ", "*a", "<<: ", "? ", "|", "> ", "%",
        "!", "---\n", "${", "$${", "${A:-", "}", "null", "99999999999999999999", "-1", "é\u{301}", "\u{1}", "\u{FEFF}",
        "\r", "KiB", "~", "@", "`", "\\", "\u{85}", "\u{2028}",
    ]

    @Test func aMutatedFileIsReadOrRefused() throws {
        let original = try String(contentsOfFile: ExampleFilesTests.folder + "/sluice.yaml", encoding: .utf8)
        for seed in 0..<Self.count {
            var generator = SeededGenerator(seed: UInt64(seed))
            var characters = Array(original)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<characters.count, using: &generator)
                let length = Int.random(in: 0...3, using: &generator) * Int.random(in: 0...20, using: &generator)
                let insert = Self.inserts.randomElement(using: &generator) ?? ""
                characters.replaceSubrange(place..<min(characters.count, place + length), with: Array(insert))
            }
            let text = String(characters)
            do {
                _ = try parse(text)
            } catch {
                #expect(!error.errors.isEmpty, "seed \(seed)")
                let lines = text.unicodeScalars.count { ["\n", "\r", "\u{85}", "\u{2028}"].contains($0) } + 2
                for issue in error.errors {
                    #expect((1...lines).contains(issue.line) && issue.column >= 1, "seed \(seed): \(issue)")
                }
            }
        }
    }
}
