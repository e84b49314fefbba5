import Foundation
import GatewayConfig
import Testing

@Suite struct ConfigurationIssueTests {
    @Test func aMistakeIsAnObjectOfJSON() throws {
        do {
            _ = try parse(.root, "limits: { max_connections: \"\u{202E}\" }")
            Issue.record("accepted")
        } catch {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            #expect(
                String(decoding: try encoder.encode(error.errors), as: UTF8.self)
                    == #"[{"column":28,"file":"test.yaml","line":4,"message":"expected a number from 1 to 10000000, "#
                    + #"found \"\\u202e\"","severity":"error"}]"#)
        }
        let warning = try #require(
            try parse(.root, "admin: { address: \"a:1\", token: \"\" }".replacing("a:1", with: "b:1")).warnings.first)
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(warning)) as? [String: Any]
        #expect(object?["severity"] as? String == "warning")
    }
}
