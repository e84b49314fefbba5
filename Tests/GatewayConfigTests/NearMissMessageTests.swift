import Testing

@testable import GatewayConfig

@Suite("Messages that propose what was meant") struct NearMissMessageTests {
    @Test func aMissingUnit() {
        #expect(
            problems(.route, "idle_timeout: 90") == [
                "4:19: error: expected a duration such as 10s, found \"90\"; did you mean \"90s\"?"
            ])
        #expect(
            problems(.route, "idle_timeout: ${TIME}", environment: ["TIME": "90"]) == [
                "4:19: error: expected a duration such as 10s, found \"${TIME}\""
            ])
    }

    @Test(arguments: [("yes", "true"), ("Off", "false"), ("1", "true"), ("True", "true")])
    func aSwitchOfAnotherFormat(word: String, meant: String) {
        #expect(
            problems(.listener, "proxy_protocol: \(word)") == [
                "4:21: error: expected true or false, found \"\(word)\"; did you mean \"\(meant)\"?"
            ])
    }

    @Test func onAndOff() {
        #expect(
            problems(.listener, "via: no") == ["4:10: error: expected on or off, found \"no\"; did you mean \"off\"?"])
        #expect(problems(.listener, "via: maybe") == ["4:10: error: expected on or off, found \"maybe\""])
    }

    @Test(arguments: [
        ("a: 1\nb: \"x\nc: d\n", "2:4: error: YAML syntax error: no closing quote follows the quote that opens here"),
        ("a: 'it''s\nb: c\n", "1:4: error: YAML syntax error: no closing quote follows the quote that opens here"),
        (
            "a: \"x\nb: \"y\"\nc: 1\n",
            "1:4: error: YAML syntax error: the quote that opens here ends on line 2, column 4, and the text after it is not "
                + "YAML; is the closing quote missing on line 1?"
        ),
        (
            "a:\n  - b: 'x # no comment\n    c: 'y'\n",
            "2:8: error: YAML syntax error: the quote that opens here ends on line 3, column 8, and the text after it is not "
                + "YAML; is the closing quote missing on line 2?"
        ),
    ])
    func anUnclosedQuote(text: String, expected: String) {
        #expect(problems(text) == [expected])
    }

    /// Quotes that are closed, or are no quotes, are not to blame.
    @Test(arguments: [
        "a: \"x\"\nb: it's\nc: [\n", "# don't\na: {\n", "a: 'it''s'\nb: c: d\n", "a: \"over\n  lines\"\nb: c: d\n",
        "a: 1 # see: 'x\nb: 'y' z\n", "a: \"\\\"\"\nb: [\n",
    ])
    func anotherMistake(text: String) {
        let found = problems(text)
        #expect(found.count == 1 && found[0].contains("YAML syntax") && !found[0].contains("quote"), "\(found)")
    }
}

@Suite("Warnings") struct WarningTests {
    private func warnings(_ section: Section, _ lines: String) throws -> [String] {
        try parse(section, lines).warnings.map { String($0.description.dropFirst("test.yaml:".count)) }
    }

    @Test func anUpstreamThatNoRouteNames() throws {
        let text = Section.root.file(with: "").replacing(
            "upstreams: [", with: "upstreams: [{ name: spare, servers: [{ address: \"s:2\" }] }, ")
        #expect(
            try parse(text).warnings.map(\.description) == [
                "test.yaml:3:21: warning: no route uses upstream \"spare\"; add a route to it, or remove it"
            ])
        #expect(try parse(Section.root.file(with: "")).warnings == [])
    }

    @Test func clientsWithoutOriginBesideAList() throws {
        let text = "origins: [\"https://example.com\"]\nmissing_origin: allow"
        #expect(
            try warnings(.route, text) == [
                "5:21: warning: a client that is not a browser can omit Origin and connect despite the list of "
                    + "origins; write deny if only these pages may connect"
            ])
        #expect(try warnings(.route, text.replacing("allow", with: "deny")) == [])
        #expect(try warnings(.route, text.replacing("https://example.com", with: "*")) == [])
        #expect(try warnings(.route, "missing_origin: allow") == [])
        #expect(try warnings(.route, "origins: [\"https://example.com\"]") == [])
    }

    @Test func anyPageOnARouteWithCookies() throws {
        let sticky = "sticky: { cookie: c }"
        let found = try warnings(.upstream, sticky)
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix(
                "6:31: warning: this route accepts any page, and browsers send the")
                == true, "\(found)")
        let listed = Section.upstream.file(with: sticky).replacing("upstream: u", with: "upstream: u, origins: [\"*\"]")
        #expect(try parse(listed).warnings == [])
    }
}
