import GatewayConfig

/// How descriptions of keys are put into words.
enum KeyText {
    /// Markdown without its links: `see [queue](#queue)` is `see queue`.
    static func plain(_ markdown: String) -> String {
        markdown.replacing(/\[([^\]]+)\]\(#[^)]*\)/) { $0.output.1 }
    }

    /// What a value is, in Markdown.
    static func name(of kind: KeyKind) -> String {
        switch kind {
        case .text(let form): form.name
        case .word(let words) where words.count > longestChoice: "name"
        case .word(let words): choice(words)
        case .flag: "flag"
        case .onOff: choice(["on", "off"])
        case .off: "`off`"
        case .number: "number"
        case .oneNumber(let numbers): choice(numbers.map(String.init))
        case .share: "number from 0 to 1"
        case .duration: "duration"
        case .size: "size"
        case .list(of: .mapping, _): "list of mappings"
        case .list(of: let kind, _): "list of \(plural(name(of: kind)))"
        case .mapping: "mapping"
        case .texts(let form): "mapping of \(plural(form.name)) to text"
        case .called(let name, _): name
        case .either(let kinds): kinds.map { name(of: $0) }.joined(separator: ", or ")
        case .anything: "any"
        }
    }

    /// Which values are allowed; empty: all of the type.
    static func range(of key: KeyDescription) -> String {
        switch key.kind {
        case .number(let range):
            joined("\(grouped(range.lowerBound)) to \(grouped(range.upperBound))", zero: key.zero, as: "0")
        case .size(let range):
            joined("\(size(range.lowerBound)) to \(size(range.upperBound))", zero: key.zero, as: "0")
        case .duration(let least):
            if least == .zero {
                joined("", zero: key.zero, as: "0s")
            } else {
                least == .milliseconds(1) ? "longer than 0" : "\(DurationText.format(least)) or longer"
            }
        case .list(_, let rule) where rule.contains(.atLeastOne): "at least one"
        default: ""
        }
    }

    /// What holds where the key is not given, in Markdown.
    static func fallback(of key: KeyDescription) -> String {
        switch key.fallback {
        case .required: "required"
        case .value(let value): "`\(value.inline)`"
        case .text(let text): text
        case .nothing: ""
        }
    }

    /// A longer list of words is no help.
    private static let longestChoice = 8

    private static func choice(_ words: [String]) -> String {
        let words = words.map { "`\($0)`" }
        return words.count > 1
            ? words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "") : words.joined()
    }

    private static func plural(_ name: String) -> String {
        if name.contains("`") || name == "text" { return name }
        if name.hasSuffix("address") { return name + "es" }
        return name.hasPrefix("name of") ? name : name + "s"
    }

    private static func joined(_ range: String, zero: String?, as written: String) -> String {
        guard let zero else { return range }
        return range.isEmpty ? "\(written): \(zero)" : "\(range); \(written): \(zero)"
    }

    private static func size(_ bytes: Int) -> String { ByteSizeText.format(bytes) }

    /// `10,000,000`
    private static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index.isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}

extension ConfigurationValue {
    /// As YAML in flow style, for values without special characters.
    fileprivate var inline: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .share(let share): share == share.rounded() ? "\(Int(share))" : "\(share)"
        case .flag(let isOn): isOn ? "true" : "false"
        case .list(let values): "[\(values.map(\.inline).joined(separator: ", "))]"
        case .mapping(let entries): "{ \(entries.map { "\($0.key): \($0.value.inline)" }.joined(separator: ", ")) }"
        }
    }
}
