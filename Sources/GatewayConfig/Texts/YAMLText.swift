import Yams

/// Values as YAML text, which the readers take for the same values. With `YAMLDocument.swift` the only file that knows
/// Yams.
enum YAMLText {
    /// Block style; lists of plain values in flow style.
    ///
    /// - Throws: what libyaml says, when it has no memory for the text.
    static func write(_ value: ConfigurationValue) throws -> String {
        try Yams.serialize(node: node(value), indent: 2, width: -1, allowUnicode: true)
    }

    private static func node(_ value: ConfigurationValue) -> Node {
        switch value {
        case .text(let text): scalar(escaped(text))
        case .number(let number): plain("\(number)")
        case .share(let share): plain(DecimalFraction.text(share))
        case .flag(let isOn): plain(isOn ? "true" : "false")
        case .list(let values):
            Node.sequence(
                Node.Sequence(
                    values.map(node), Tag(.seq), values.allSatisfy(\.isScalar) ? .flow : .block))
        case .mapping(let entries):
            Node.mapping(
                Node.Mapping(
                    entries.map { (scalar($0.key), node($0.value)) }, Tag(.map), entries.isEmpty ? .flow : .block))
        }
    }

    /// Text in which `${` stands for itself.
    private static func escaped(_ text: String) -> String { text.replacing("${", with: "$${") }

    private static func scalar(_ text: String) -> Node {
        isPlain(text) ? plain(text) : Node.scalar(Node.Scalar(text, Tag(.str), .doubleQuoted))
    }

    private static func plain(_ text: String) -> Node { Node.scalar(Node.Scalar(text, Tag(.str), .plain)) }

    /// Whether every reader of YAML takes `text` for this text when it stands without quotes, or for a word that the
    /// configuration takes for the same.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, isLetterOrDigit(first) || first == "/" else { return false }
        let isSafe = text.unicodeScalars.allSatisfy { isLetterOrDigit($0) || "/._-".unicodeScalars.contains($0) }
        return isSafe && !["null", "yes", "no", "y", "n", "true", "false"].contains(text.lowercased())
            && (Double(text) == nil || Int(decimalDigits: text) != nil && !text.hasPrefix("0"))
    }

    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }
}

extension ConfigurationValue {
    /// Whether it is neither a list nor a mapping.
    fileprivate var isScalar: Bool {
        switch self {
        case .text, .number, .share, .flag: true
        case .list, .mapping: false
        }
    }
}
