import Testing

@testable import GatewayConfig

@Suite("The descriptions of the keys")
struct KeyDescriptionTests {
    private static let sections = KeySection.root.withDescendants

    /// What readers ask for is written in the readers alone: this is what keeps the two together.
    @Test("readers ask for every key that is described, and for no other")
    func asked() throws {
        let context = ReadingContext(
            file: "test.yaml", directory: "/etc/sluice", environment: [:], now: newYear, judge: nil)
        let root = try #require(YAMLDocument.read(everyKey + "\n", context: context))
        _ = ConfigurationReader(context: context).read(root)
        #expect(context.issues.isEmpty)
        for section in Self.sections {
            #expect(context.asked[section.path] == Set(section.supportedNames), "\(section.path)")
        }
        #expect(Set(context.asked.keys) == Set(Self.sections.map(\.path)))
    }

    @Test("a section has a key once, and says of each what it is for", arguments: sections.map(\.path))
    func texts(path: String) throws {
        let section = try #require(Self.sections.first { $0.path == path })
        #expect(Set(section.keys.map(\.name)).count == section.keys.count)
        for key in section.keys + [KeyDescription("", .flag, section.text)] {
            #expect(key.text.hasSuffix("."), "\(key.name): \(key.text)")
            #expect(key.text.first?.isLowercase == false, "\(key.name): \(key.text)")
        }
    }

    @Test("choices and companions name keys of their section")
    func references() {
        for section in Self.sections {
            let names = (section.choice?.names ?? []) + section.companions.flatMap { [$0.key, $0.value] }
            for name in names { #expect(section[name]?.isSupported == true, "\(section.path): \(name)") }
        }
    }

    @Test("sections have paths of their own, each below the one that names it")
    func paths() {
        #expect(Set(Self.sections.map(\.path)).count == Self.sections.count)
        for section in Self.sections where !section.path.isEmpty {
            for key in section.ownKeys {
                for below in key.kind.sections {
                    // One section is there for two keys.
                    let name = key.name.hasSuffix("_headers") ? "headers" : key.name
                    #expect(below.path == "\(section.path).\(name)")
                }
            }
        }
    }

    @Test(
        "a key that is not supported yet says so",
        arguments: [
            (Section.listener, "allow: []", "allow"), (.listener, "deny: []", "deny"), (.route, "rate: {}", "rate"),
            (.route, "slow_consumer: {}", "slow_consumer"), (.route, "auth: {}", "auth"),
            (.route, "subprotocols: {}", "subprotocols"), (.root, "shared: {}", "shared"),
            (.root, "defaults: { rate: {} }", "rate"),
        ])
    func notSupportedYet(section: Section, lines: String, key: String) {
        let found = problems(section, lines)
        #expect(found.count == 1 && found[0].hasSuffix("error: \(key) is not supported yet"), "\(found)")
    }

    @Test("a key that is not supported yet is no proposal")
    func nearMisses() {
        #expect(problems(.route, "raet: {}").first?.contains("rate") == false)
    }
}
