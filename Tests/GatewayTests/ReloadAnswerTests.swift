import Foundation
import GatewayConfig
import Testing

@testable import Gateway
@testable import GatewayNIO

@Suite("What a reload answers")
struct ReloadAnswerTests {
    private static func configuration(_ routes: String) throws -> GatewayConfiguration {
        try ConfigurationFile.parse(
            "listeners: [{ name: a, address: \"127.0.0.1:0\" }]\nroutes: [\(routes)]", file: "c.yaml", directory: "/",
            environment: [:], now: Date(), judge: nil)
    }

    private static func object(_ answer: ReloadAnswer) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(answer.json)) as? [String: Any])
    }

    @Test("accepted: what changes and for whom, side by side", arguments: [true, false])
    func accepted(applied: Bool) throws {
        let difference = ConfigurationDifference(
            from: try Self.configuration("{ name: old, respond: 200 }"),
            to: try Self.configuration("{ name: new, respond: 200 }"))
        let warning = ConfigurationIssue(
            severity: .warning, file: "/etc/c.yaml", line: 3, column: 7, message: "unlikely")
        let answer = ReloadAnswer.accepted(
            .init(
                applied: applied, file: "/etc/c.yaml", difference: difference,
                sockets: .init(kept: 1, drained: 2, closed: 3), warnings: [warning]))
        let json = try Self.object(answer)
        #expect(
            json.keys.sorted() == [
                "applied", "file", "listeners", "restart", "routes", "sections", "servers", "sockets", "upstreams",
                "warnings",
            ])
        #expect(json["applied"] as? Bool == applied)
        #expect(json["file"] as? String == "/etc/c.yaml")
        #expect(json["sockets"] as? [String: Int] == ["kept": 1, "drained": 2, "closed": 3])
        let routes = json["routes"] as? [String: [String]]
        #expect(routes == ["added": ["new"], "changed": [], "removed": ["old"], "unchanged": []])
        let warnings = try #require(json["warnings"] as? [[String: Any]])
        #expect(warnings.count == 1)
        #expect(warnings.first?["line"] as? Int == 3 && warnings.first?["column"] as? Int == 7)
        #expect(warnings.first?["severity"] as? String == "warning")
        #expect(warnings.first?["message"] as? String == "unlikely")
    }

    @Test("refused: each error with its place, and all of them as check prints them")
    func refused() throws {
        let errors = [
            ConfigurationIssue(file: "/etc/c.yaml", line: 1, column: 2, message: "expected this"),
            ConfigurationIssue(file: "/etc/c.yaml", line: 8, column: 9, message: "expected \"that\""),
        ]
        let json = try Self.object(.refused(.init(file: "/etc/c.yaml", errors: errors)))
        #expect(json.keys.sorted() == ["applied", "errors", "file", "text"])
        #expect(json["applied"] as? Bool == false)
        #expect(json["file"] as? String == "/etc/c.yaml")
        #expect(
            json["text"] as? String
                == "/etc/c.yaml:1:2: error: expected this\n/etc/c.yaml:8:9: error: expected \"that\"")
        let told = try #require(json["errors"] as? [[String: Any]])
        #expect(told.map { $0["line"] as? Int } == [1, 8])
        #expect(told.map { $0["message"] as? String } == errors.map(\.message))
    }

    @Test("refused for what no line of the file is to blame for: the text has no place")
    func noPlace() throws {
        let json = try Self.object(.refused(.init(file: "/etc/c.yaml", reason: "listener a can't listen")))
        #expect(json["text"] as? String == "error: listener a can't listen")
        let errors = try #require(json["errors"] as? [[String: Any]])
        #expect(errors.count == 1)
        #expect(errors.first?["line"] as? Int == 0 && errors.first?["column"] as? Int == 0)
        #expect(errors.first?["message"] as? String == "listener a can't listen")
    }
}
