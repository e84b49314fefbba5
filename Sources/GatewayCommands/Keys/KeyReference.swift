import GatewayConfig

/// Every key in words, of which scripts make the tables of docs/configuration.md and sluice.yaml(5).
public enum KeyReference {
    /// A list of sections in the order of the reference, as JSON: `path`, `text`, `choice` and `keys`. Texts are
    /// Markdown.
    public static var json: String {
        JSONText.write(.list(KeySection.root.withDescendants.map(section)))
    }

    private static func section(_ section: KeySection) -> ConfigurationValue {
        let supported = section.ownKeys.filter(\.isSupported)
        let unsupported = section.ownKeys.filter { !$0.isSupported }.map(\.name)
        return .mapping([
            .init("path", .text(section.path)),
            .init("text", .text(section.text)),
            .init("choice", .text(choice(section.choice))),
            .init("keys", .list(supported.map(key))),
            .init("unsupported", .list(unsupported.map { .text($0) })),
        ])
    }

    private static func choice(_ choice: KeySection.Choice?) -> String {
        func list(_ names: [String]) -> String {
            names.dropLast().map { "`\($0)`" }.joined(separator: ", ") + " and `\(names.last ?? "")`"
        }
        return switch choice {
        case nil: ""
        case .exactlyOne(let names): "There is exactly one of \(list(names))."
        case .atMostOne(let names): "There is at most one of \(list(names))."
        }
    }

    private static func key(_ key: KeyDescription) -> ConfigurationValue {
        .mapping([
            .init("name", .text(key.name)),
            .init("type", .text(KeyText.name(of: key.kind))),
            .init("default", .text(KeyText.fallback(of: key))),
            .init("range", .text(KeyText.range(of: key))),
            .init("text", .text(key.text)),
            .init("sections", .list(key.kind.sections.map { .text($0.path) })),
        ])
    }
}
