/// A mapping of the configuration: the keys that it may have.
public struct KeySection: Sendable {
    /// How many of some keys a mapping has.
    public enum Choice: Sendable {
        case exactlyOne([String])
        case atMostOne([String])

        public var names: [String] {
            switch self {
            case .exactlyOne(let names), .atMostOne(let names): names
            }
        }
    }

    /// Where it stands, such as `routes.match`; empty for the whole file. No step leads into a list.
    public let path: String
    /// What it is, in one sentence of Markdown.
    public let text: String
    /// The keys that it has beside those of `base`, in the order of the reference.
    public let ownKeys: [KeyDescription]
    /// Keys that it shares with another section.
    public let baseKeys: [KeyDescription]
    public let choice: Choice?
    /// Keys that have a meaning only beside another one, which each leads to.
    public let companions: [String: String]

    private let byName: [String: KeyDescription]

    init(
        _ path: String, _ text: String, choice: Choice? = nil, companions: [String: String] = [:],
        base: KeySection? = nil, keys: [KeyDescription]...
    ) {
        self.path = path
        self.text = text
        self.choice = choice
        self.companions = companions
        ownKeys = keys.flatMap { $0 }
        baseKeys = base?.keys ?? []
        byName = Dictionary((ownKeys + baseKeys).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// All of them, in the order of the reference.
    public var keys: [KeyDescription] { ownKeys + baseKeys }

    /// nil: the section has no such key.
    public subscript(name: String) -> KeyDescription? { byName[name] }

    /// The names of the keys that this version implements, in the order of the reference.
    public var supportedNames: [String] { keys.filter(\.isSupported).map(\.name) }

    /// For "expected …, found …": the keys that must be given, or where none must, all.
    var expected: String {
        let required = keys.filter(\.isRequired).map(\.name)
        let names = required.isEmpty ? supportedNames : required
        return "a mapping with \(Self.list(names))"
    }

    /// The same with all keys that this version implements.
    var expectedInFull: String { "a mapping with \(Self.list(supportedNames))" }

    private static func list(_ names: [String]) -> String {
        names.count > 1
            ? names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "") : names.joined()
    }

    /// This section and all below it, each once, in the order of the reference.
    public var withDescendants: [KeySection] {
        var seen: Set<String> = []
        return collected(&seen)
    }

    private func collected(_ seen: inout Set<String>) -> [KeySection] {
        guard seen.insert(path).inserted else { return [] }
        var sections = [self]
        for key in keys {
            for section in key.kind.sections { sections += section.collected(&seen) }
        }
        return sections
    }
}
