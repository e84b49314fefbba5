import GatewayConfig
import Testing

@Suite struct YAMLDocumentTests {
    @Test(arguments: [
        (
            "listeners: [",
            "2:1: error: YAML syntax error: did not find expected node content (while parsing a flow node, from line 2, column 1)"
        ),
        ("a: b: c", "1:5: error: YAML syntax error: mapping values are not allowed in this context"),
        (
            "a:\n\t- b",
            "2:1: error: YAML syntax error: found character that cannot start any token (while scanning for the next token, from line 2, column 1)"
        ),
        (
            "a: 1\n---\nb: 2",
            "2:1: error: YAML syntax error: but found another document (expected a single document in the stream, from line 1, column 1)"
        ),
        ("a: x\u{1}y", "1:5: error: YAML syntax error: control characters are not allowed"),
        ("a: *b", "1:4: error: YAML syntax error: found undefined alias"),
        (
            "hosts: [*.example.com]",
            "1:10: error: YAML syntax error: did not find expected alphabetic or numeric character (while scanning an alias, from line 1, column 9)"
        ),
    ])
    func aSyntaxErrorComesAloneWithItsPlace(text: String, expected: String) {
        #expect(problems(text) == [expected])
    }

    @Test(arguments: [
        (Section.root, "log: {}\nlog: {}", "5:1: error: the key \"log\" is given twice, first on line 4"),
        (
            .root, "log:\n  level: info\n  # level: x\n  level: debug",
            "7:3: error: the key \"level\" is given twice, first on line 5"
        ),
        (.root, "log: { level: info, level: debug }", "4:21: error: the key \"level\" is given twice, first on line 4"),
        (
            .root, "log: {\n  level: info,\n  \"level\": debug }",
            "6:3: error: the key \"level\" is given twice, first on line 5"
        ),
        (.match, "query: { x: \"{x: \", y: 2, x: 3 }", "5:33: error: the key \"x\" is given twice, first on line 5"),
    ])
    func aDuplicateKeyIsReportedWhereItIsGivenAgain(section: Section, lines: String, expected: String) {
        #expect(problems(section, lines) == [expected])
    }

    @Test func theRestOfAFileWithDuplicateKeysIsReadToo() {
        #expect(
            problems(.root, "log: {}\nlog: {}\nlog: {}\nlimits: { max_connections: 1, max_connections: 2 }\ndrain: 1")
                == [
                    "5:1: error: the key \"log\" is given twice, first on line 4",
                    "6:1: error: the key \"log\" is given twice, first on line 4",
                    "7:31: error: the key \"max_connections\" is given twice, first on line 7",
                    "8:8: error: expected a mapping, found \"1\"",
                ])
    }

    @Test func anchorsAliasesAndMergeKeysAreFine() throws {
        let configuration = try parse(
            """
            listeners: [{ name: l, address: "a:1" }]
            routes:
              - &base { name: a, upstream: u, match: { path: /a }, idle_timeout: 1m }
              - { <<: *base, name: b, match: { path: /b } }
            upstreams: [{ name: u, servers: &servers [{ address: "s:1" }] }, { name: v, servers: *servers }]
            """)
        #expect(configuration.routes.map(\.name) == ["a", "b"])
        #expect(configuration.routes.map(\.session.idleTimeout) == [.seconds(60), .seconds(60)])
        #expect(configuration.upstreams[0].servers == configuration.upstreams[1].servers)
    }

    @Test func aMistakeBehindAnAliasIsReportedOnce() {
        let text = """
            listeners: [{ name: l, address: "a:1" }]
            routes: [{ name: r, upstream: u }]
            upstreams: [{ name: u, servers: &s [{ address: x }] }, { name: v, servers: *s }]
            """
        #expect(problems(text).count == 1)
    }

    @Test func anAliasBombIsRefused() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let alias = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        #expect(
            problems(text).map { $0.split(separator: " ").dropFirst(2).joined(separator: " ") } == [
                "the file has more than 400000 values after its aliases are expanded"
            ])
    }

    @Test(arguments: ["? *a\n: 1", "*a : 1", "{ ? *a : 1 }", "[*a]: 1", "? { b: *a }\n: 1"])
    func anAliasInAKeyIsRefused(key: String) {
        let found = problems("x: &a [1, 2]\ny:\n  " + key.replacing("\n", with: "\n  "))
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix("error: expected a key that is plain text") == true)
    }

    @Test(arguments: [33, 900, 5000, 200_000])
    func deepNestingIsRefused(depth: Int) {
        #expect(
            problems("a: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).count == 1)
        #expect(problems(String(repeating: "- ", count: depth) + "x").count == 1)
    }

    @Test func aTextOverOneMebibyteIsRefused() {
        #expect(
            problems(String(repeating: "#", count: ConfigurationFile.sizeLimit + 1)) == [
                "1:1: error: the file is 1048577 bytes, limit 1MiB"
            ])
    }

    @Test func aTagWithoutMeaningIsRefused() {
        #expect(
            problems(.root, "log: !include log.yaml").first
                == "4:6: error: the tag \"!include\" is not supported; remove it")
    }
}
