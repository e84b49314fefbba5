import Testing

@testable import GatewayConfig

@Suite("The effective configuration")
struct EffectiveConfigurationTests {
    @Test("what was printed is read as the same, and printed as the same")
    func isStable() throws {
        let configuration = try parse(everyKey)
        let text = try configuration.effectiveText()
        var again = try parse(text, directory: "/elsewhere")
        #expect(try again.effectiveText() == text)
        again.warnings = configuration.warnings
        #expect(again == configuration)
    }

    /// The masks themselves change when something before them does; here everything that may be a secret is one.
    @Test("whatever may be a secret is masked, and what is printed then is a good file")
    func secrets() throws {
        let secret = everyKey.replacing(/masked-([0-9]+)/) { "hunter\($0.output.1)" }
        let configuration = try parse(secret)
        let text = try configuration.effectiveText()
        #expect(!text.contains("hunter"))
        #expect(try parse(text).effectiveText() == text)
        #expect(text == (try parse(everyKey).effectiveText()))
    }

    @Test("conditions that differ still do when they are masked, and equal ones are equal")
    func distinct() throws {
        let text = """
            listeners: [{ name: l, address: "a:1" }]
            routes:
              - { name: a, match: { headers: { x-a: one } }, respond: 200 }
              - { name: b, match: { headers: { x-a: two } }, respond: 200 }
              - { name: c, match: { headers: { x-b: one } }, respond: 200 }
            """
        let routes = try parse(parse(text).effectiveText()).routes
        #expect(routes.map(\.match.headers) == [["x-a": "masked-1"], ["x-a": "masked-2"], ["x-b": "masked-1"]])
    }

    @Test("a mask in the place of a secret gets a warning")
    func warning() throws {
        let found = try parse(.root, "admin: { address: \"unix:/a\", token: masked-1 }").warnings
        #expect(found.map(\.message).contains { $0.contains("write the secret itself") })
        #expect(try parse(.root, "admin: { address: \"unix:/a\", token: masked }").warnings.isEmpty)
    }

    @Test("keys are those that are described, in that order; each has its default")
    func keys() throws {
        var seen: [String: Set<String>] = [:]
        var defaults: Set<String> = []
        for text in [everyKey, Section.root.file(with: "admin: { address: \"unix:/a\" }")] {
            try walk(parse(text).effective, .root, &seen, &defaults)
        }
        for section in KeySection.root.withDescendants where section.path != "defaults" {
            // The settings of `defaults` stand in the routes.
            let expected = Set(section.supportedNames).subtracting(section.path.isEmpty ? ["defaults"] : [])
            #expect(seen[section.path] == expected, "\(section.path)")
            for key in section.keys {
                guard case .value = key.fallback else { continue }
                #expect(defaults.contains("\(section.path).\(key.name)"), "\(section.path).\(key.name)")
            }
        }
    }

    /// Those keys of `everyKey` that have another value than the default.
    private static let changed: Set<String> = [
        "routes.missing_origin", "routes.queue", "routes.compression", "upstreams.balance", "log.redact", ".upstreams",
        "defaults.compression.mode", "upstreams.health_check.websocket",
    ]

    private func walk(
        _ value: ConfigurationValue, _ section: KeySection, _ seen: inout [String: Set<String>],
        _ defaults: inout Set<String>
    ) throws {
        guard case .mapping(let entries) = value else { return }
        let order = section.keys.map(\.name)
        let places = try entries.map { entry in
            try #require(order.firstIndex(of: entry.key), "\(section.path): \(entry.key)")
        }
        #expect(places == places.sorted(), "\(section.path): \(entries.map(\.key))")
        for entry in entries {
            seen[section.path, default: []].insert(entry.key)
            guard let key = section[entry.key] else { continue }
            let name = "\(section.path).\(entry.key)"
            if case .value(let fallback) = key.fallback {
                defaults.insert(name)
                #expect(entry.value == fallback || Self.changed.contains(name), "\(name)")
            }
            for below in key.kind.sections {
                if case .list(let elements) = entry.value {
                    for element in elements { try walk(element, below, &seen, &defaults) }
                } else {
                    try walk(entry.value, below, &seen, &defaults)
                }
            }
        }
    }

    @Test(
        "text is quoted where readers of YAML take it for something else",
        arguments: [
            ("abc", "a: abc\n"), ("", "a: \"\"\n"), ("null", "a: \"null\"\n"), ("1.2", "a: \"1.2\"\n"), ("8", "a: 8\n"),
            ("0660", "a: \"0660\"\n"), ("off", "a: off\n"), ("${X}", "a: \"$${X}\"\n"),
            ("a: b # c", "a: \"a: b # c\"\n"),
            ("line\nline", "a: \"line\\nline\"\n"), ("- a", "a: \"- a\"\n"), ("/a b", "a: \"/a b\"\n"),
        ])
    func quoting(text: String, expected: String) throws {
        #expect(try YAMLText.write(.mapping([.init("a", .text(text))])) == expected)
    }

    @Test(
        "fractions have no exponent",
        arguments: [(1.0, "1"), (0.25, "0.25"), (0.00001, "0.00001"), (1.5e-7, "0.00000015")])
    func fractions(value: Double, expected: String) {
        #expect(DecimalFraction.text(value) == expected)
    }
}
