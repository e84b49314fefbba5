import GatewayConfig
import Testing

@testable import GatewayCommands

@Suite struct SourceExcerptTests {
    private func excerpt(_ source: String, _ line: Int, _ column: Int) -> String? {
        SourceExcerpt(source: source).text(line: line, column: column)
    }

    @Test func theCaretStandsUnderThePlace() {
        #expect(excerpt("a: 1\nroutes: x\n", 2, 9) == " 2 | routes: x\n   |         ^")
        #expect(excerpt("a: 1\r\n\tb\r\n", 2, 2) == " 2 |  b\n   |  ^")
    }

    @Test func theEndOfALineIsAPlace() {
        #expect(excerpt("a:", 1, 3) == " 1 | a:\n   |   ^")
    }

    @Test func aPlaceThatIsNoneHasNoExcerpt() {
        for (line, column) in [(0, 1), (3, 1), (1, 0), (1, 9), (2, 1), (-1, -1), (Int.max, Int.max)] {
            #expect(excerpt("a: 1\n", line, column) == nil)
        }
    }

    @Test func hiddenCharactersAreEscapedAndTheCaretKeepsItsPlace() {
        #expect(excerpt("\u{202E}a: b", 1, 5) == " 1 | \\u202ea: b\n   |          ^")
    }

    @Test func ofALongLineTheSurroundingsAreShown() throws {
        let line = String(repeating: "x", count: 300) + "!" + String(repeating: "y", count: 300)
        let text = try #require(excerpt(line, 1, 301))
        let lines = text.split(separator: "\n").map(Array.init)
        #expect(lines.allSatisfy { $0.count < 120 })
        #expect(lines[0][try #require(lines[1].firstIndex(of: "^"))] == "!")
        #expect(lines[0].contains("…"))
    }

    @Test(arguments: [
        ("admin: { token: \"s3cret, x\", hosts: 7 }", "admin: { token: \"*********\", hosts: 7 }"),
        ("  token: s3cret", "  token: ******"),
        ("  'secret': 'a b'", "  'secret': '***'"),
        ("set: { Authorization: Bearer abc, X: y }", "set: { Authorization: ****** ***, X: y }"),
        ("redis: rediss://me:pass@redis:6379/0", "redis: rediss://*******@redis:6379/0"),
        ("token: ${NAME:-abc}", "token: ${NAME:****}"),
        ("token: \"${SLUICE_ADMIN_TOKEN:-}\"", "token: \"${SLUICE_ADMIN_TOKEN:**\""),
        ("{\"token\":\"abc\"}", "{\"token\":\"***\"}"), ("token: ${NAME}", "token: ${NAME}"),
        ("token: [cookie:session]", "token: [cookie:session]"),
        ("token_file: /run/token", "token_file: /run/token"),
        ("origins: [\"https://example.com\"]", "origins: [\"https://example.com\"]"),
    ])
    func secretsAreMasked(line: String, shown: String) {
        let masked = SecretMask.masked(Array(line.unicodeScalars))
        #expect(String(String.UnicodeScalarView(masked)) == shown)
    }
}

@Suite struct IssueTextTests {
    private static let issue = ConfigurationIssue(file: "/etc/a.yaml", line: 2, column: 4, message: "wrong")

    @Test func theSourceStandsBelowTheLineThatToolsRead() {
        let text = IssueText(style: .plain).text(of: [Self.issue, Self.issue], source: "a: 1\nb: 2\n")
        let one = "/etc/a.yaml:2:4: error: wrong\n 2 | b: 2\n   |    ^"
        #expect(text == "\(one)\n\(one)")
        #expect(IssueText(style: .plain).text(of: [Self.issue], source: nil) == "/etc/a.yaml:2:4: error: wrong")
    }

    @Test func whatAGatewayToldLooksTheSame() {
        let texts = IssueText(style: .plain)
        let lines = "/etc/a.yaml:2:4: error: wrong\n127.0.0.1:80 is in use\n/etc/a.yaml:99:1: error: gone"
        #expect(
            texts.text(ofLines: lines, file: "/etc/a.yaml", source: "a: 1\nb: 2\n")
                == "/etc/a.yaml:2:4: error: wrong\n 2 | b: 2\n   |    ^\n127.0.0.1:80 is in use\n/etc/a.yaml:99:1: error: gone"
        )
        #expect(texts.text(ofLines: lines, file: "/etc/a.yaml", source: nil) == lines)
    }

    @Test func colours() {
        let text = IssueText(style: TextStyle(isColoured: true)).text(of: [Self.issue], source: nil)
        #expect(text == "\u{1B}[1m/etc/a.yaml:2:4:\u{1B}[0m \u{1B}[1;31merror:\u{1B}[0m wrong")
    }

    @Test(arguments: [
        (true, [:], true), (false, [:], false), (true, ["NO_COLOR": "1"], false), (true, ["NO_COLOR": ""], true),
        (true, ["TERM": "dumb"], false), (true, ["TERM": "xterm"], true),
    ])
    func coloursAreForTerminalsAlone(isTerminal: Bool, environment: [String: String], expected: Bool) {
        #expect(TextStyle(isTerminal: isTerminal, environment: environment).isColoured == expected)
    }
}

@Suite struct UsageHintTests {
    static let commands = ["run", "check", "stats", "help"]

    @Test(arguments: [
        ("chekc", "unknown command chekc; did you mean check?"), ("stat", "unknown command stat; did you mean stats?"),
        ("frobnicate", "unknown command frobnicate; expected one of check, help, run, stats"), ("run", nil),
        ("--help", nil),
        ("-h", nil),
    ])
    func theNearestCommandIsNamed(word: String, expected: String?) {
        #expect(UsageHint.unknownCommand(word, among: Self.commands) == expected)
    }

    @Test(arguments: [
        (
            "Error: Unknown option '--confg'. Did you mean '--config'?\nUsage: x",
            "error: unknown option --confg; did you mean --config?\nUsage: x"
        ),
        ("Error: Unknown option '--x'\nUsage: x", "error: unknown option --x\nUsage: x"),
        ("Error: The value 'a' is invalid", "error: The value 'a' is invalid"), ("OVERVIEW: x", "OVERVIEW: x"),
        ("Error: Unknown option '--a'b'", "error: Unknown option '--a'b'"),
    ])
    func whatTheParserSaysIsRephrased(message: String, expected: String) {
        #expect(UsageHint.rephrased(message) == expected)
    }
}
