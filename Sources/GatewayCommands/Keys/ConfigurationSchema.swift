import GatewayConfig

/// What `sluice config schema` prints: the form of the configuration as JSON Schema (draft 7), for editors.
///
/// It says what can be said of one value, and which keys go together. `sluice check` says the rest: references, files,
/// and values that depend on each other.
public enum ConfigurationSchema {
    /// The whole schema, with a line feed at the end.
    public static var json: String { JSONText.write(document) }

    static var document: ConfigurationValue {
        let root = KeySection.root
        let sections = root.withDescendants.filter { !$0.path.isEmpty }
        var members: [ConfigurationValue.Entry] = [
            .init("$schema", .text("http://json-schema.org/draft-07/schema#")),
            .init("title", .text("The configuration of Sluice")),
        ]
        members += entries(of: root)
        members.append(.init("definitions", .mapping(sections.map { .init($0.path, .mapping(entries(of: $0))) })))
        return .mapping(members)
    }

    private static func entries(of section: KeySection) -> [ConfigurationValue.Entry] {
        let keys = section.keys.filter(\.isSupported)
        let required = keys.filter(\.isRequired).map(\.name)
        var entries: [ConfigurationValue.Entry] = [
            .init("description", .text(KeyText.plain(section.text))),
            .init("type", .text("object")),
            .init("properties", .mapping(keys.map { .init($0.name, .mapping(Self.entries(of: $0))) })),
            // A place for anchors.
            .init("patternProperties", .mapping([.init("^x-", .mapping([]))])),
            .init("additionalProperties", .flag(false)),
        ]
        if !required.isEmpty { entries.append(.init("required", names(required))) }
        switch section.choice {
        case nil: break
        case .exactlyOne(let names): entries.append(.init("oneOf", .list(names.map { requiring([$0]) })))
        case .atMostOne(let names):
            let pairs = names.indices.flatMap { first in
                names[(first + 1)...].map { requiring([names[first], $0]) }
            }
            entries.append(.init("not", .mapping([.init("anyOf", .list(pairs))])))
        }
        if !section.companions.isEmpty {
            let companions = section.companions.sorted { $0.key < $1.key }
            entries.append(.init("dependencies", .mapping(companions.map { .init($0.key, names([$0.value])) })))
        }
        return entries
    }

    private static func entries(of key: KeyDescription) -> [ConfigurationValue.Entry] {
        var entries: [ConfigurationValue.Entry] = [.init("description", .text(KeyText.plain(key.text)))]
        if case .value(let value) = key.fallback { entries.append(.init("default", value)) }
        return entries + form(of: key.kind)
    }

    // MARK: Values

    private static func form(of kind: KeyKind) -> [ConfigurationValue.Entry] {
        switch kind {
        case .anything: []
        case .text(let form): text(of: kind, types: form.mayLookLikeNumber ? scalars : ["string"])
        case .duration: text(of: kind, types: ["string"])
        case .flag: text(of: kind, types: ["boolean", "string"])
        case .share: text(of: kind, types: ["number", "string"]) + bounds(0, 1)
        case .number(let range), .size(let range):
            text(of: kind, types: ["integer", "string"]) + bounds(range.lowerBound, range.upperBound)
        case .onOff:
            anyOf([
                [.init("enum", .list([.text("on"), .text("off")]))], text(of: kind, types: ["boolean", "string"]),
            ])
        case .off: [.init("enum", .list([.text("off"), .text("false"), .flag(false)]))]
        case .word(let words): anyOf([[.init("enum", .list(words.flatMap { spellings(of: $0) }))], reference])
        case .oneNumber(let numbers):
            anyOf([[.init("enum", .list(numbers.flatMap { spellings(of: "\($0)") }))], reference])
        case .list(of: let kind, let rule): list(of: kind, rule)
        case .mapping(let section):
            // Words beside a reference would be ignored.
            [.init("allOf", .list([.mapping([.init("$ref", .text("#/definitions/\(section.path)"))])]))]
        case .texts(let form):
            [
                .init("type", .text("object")),
                .init("propertyNames", .mapping([.init("pattern", .text(whole(form.pattern ?? ".+")))])),
                .init("additionalProperties", .mapping([.init("type", names(scalars))])),
            ]
        case .called(_, let kind): form(of: kind)
        case .either(let kinds): anyOf(kinds.map { form(of: $0) })
        }
    }

    /// Numbers and flags are text to the configuration where YAML has its own idea of them.
    private static let scalars = ["string", "number", "boolean"]

    private static func text(of kind: KeyKind, types: [String]) -> [ConfigurationValue.Entry] {
        let type: ConfigurationValue = types.count == 1 ? .text(types[0]) : names(types)
        guard let pattern = kind.pattern else { return [.init("type", type)] }
        return [.init("type", type), .init("pattern", .text("\(whole(pattern))|\(variable)"))]
    }

    private static func list(of kind: KeyKind, _ rule: KeyKind.ListRule) -> [ConfigurationValue.Entry] {
        var entries: [ConfigurationValue.Entry] = [
            .init("type", .text("array")), .init("items", .mapping(form(of: kind))),
        ]
        if rule.contains(.atLeastOne) { entries.append(.init("minItems", .number(1))) }
        if rule.contains(.distinct) { entries.append(.init("uniqueItems", .flag(true))) }
        return entries
    }

    private static func bounds(_ least: Int, _ most: Int) -> [ConfigurationValue.Entry] {
        [.init("minimum", .number(least)), .init("maximum", .number(most))]
    }

    /// A word that YAML takes for a number may come as either.
    private static func spellings(of word: String) -> [ConfigurationValue] {
        if let number = Int(decimalDigits: word) { return [.text(word), .number(number)] }
        if let number = Double(word), number.isFinite { return [.text(word), .share(number)] }
        return [.text(word)]
    }

    // MARK: Parts

    private static let variable = #"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}"#

    /// Text with a reference to the environment, which may stand for anything.
    private static let reference: [ConfigurationValue.Entry] = [
        .init("type", .text("string")), .init("pattern", .text(variable)),
    ]

    private static func whole(_ pattern: String) -> String { "^(?:\(pattern))$" }

    private static func names(_ names: [String]) -> ConfigurationValue { .list(names.map { .text($0) }) }

    private static func requiring(_ keys: [String]) -> ConfigurationValue {
        .mapping([.init("required", names(keys))])
    }

    private static func anyOf(_ forms: [[ConfigurationValue.Entry]]) -> [ConfigurationValue.Entry] {
        [.init("anyOf", .list(forms.map { .mapping($0) }))]
    }
}
