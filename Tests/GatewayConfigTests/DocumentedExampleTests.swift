import Foundation
import GatewayConfig
import Testing

@Suite("The examples of docs/configuration.md")
struct DocumentedExampleTests {
    /// Each block of YAML.
    static let examples: [String] = {
        let page = URL(fileURLWithPath: ExampleFilesTests.folder).deletingLastPathComponent()
            .appendingPathComponent("docs/configuration.md")
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        return text.split(separator: "```yaml\n", omittingEmptySubsequences: false).dropFirst()
            .map { String($0.prefix(upTo: $0.firstRange(of: "```")?.lowerBound ?? $0.endIndex)) }
    }()

    @Test func areThere() {
        #expect(Self.examples.count >= 2)
    }

    /// Sections that an example has no need to show are filled in.
    @Test(arguments: examples)
    func areAccepted(example: String) {
        var text = example
        for (key, section) in [
            ("listeners:", "listeners: [{ name: l, address: \"127.0.0.1:0\" }]\n"),
            ("routes:", "routes: [{ name: r, respond: 200 }]\n"),
        ] where !example.split(separator: "\n").contains(where: { $0.hasPrefix(key) }) {
            text += section
        }
        #expect(problems(text, environment: ["SLUICE_ADMIN_TOKEN": "secret"]) == [])
    }
}
