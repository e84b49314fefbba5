/// One key of the configuration: what it may be, what holds without it, and what it is for.
///
/// The readers take ranges and accepted keys from here. The JSON Schema, the tables of docs/configuration.md and
/// sluice.yaml(5) are made of the same descriptions.
public struct KeyDescription: Sendable {
    /// What holds where a file does not give the key.
    public enum Fallback: Sendable {
        /// The file must give it.
        case required
        /// This value.
        case value(ConfigurationValue)
        /// What these words say, in Markdown.
        case text(String)
        /// Nothing: the key adds something.
        case nothing
    }

    public let name: String
    public let kind: KeyKind
    public let fallback: Fallback
    /// What zero means, such as "no cap"; nil: zero is like any other value, or not allowed.
    public let zero: String?
    /// Sentences for people, in Markdown; links lead to sections of docs/configuration.md.
    public let text: String
    /// Whether this version implements it. Readers refuse the key otherwise.
    public let isSupported: Bool

    init(_ name: String, _ kind: KeyKind, _ fallback: Fallback = .nothing, zero: String? = nil, _ text: String) {
        self.name = name
        self.kind = kind
        self.fallback = fallback
        self.zero = zero
        self.text = text
        isSupported = true
    }

    /// A key that adds something: without it there is nothing.
    init(_ name: String, _ kind: KeyKind, _ text: String) {
        self.init(name, kind, .nothing, text)
    }

    private init(unsupported name: String, text: String) {
        self.name = name
        kind = .anything
        fallback = .nothing
        zero = nil
        self.text = text
        isSupported = false
    }

    /// A key that the format has and this version does not implement.
    static func notSupportedYet(_ name: String, _ text: String) -> KeyDescription {
        KeyDescription(unsupported: name, text: text)
    }

    public var isRequired: Bool { if case .required = fallback { true } else { false } }
}

extension KeyDescription.Fallback {
    static func number(_ number: Int) -> Self { .value(.number(number)) }
    static func flag(_ isOn: Bool) -> Self { .value(.flag(isOn)) }
    static func onOff(_ isOn: Bool) -> Self { .value(.onOff(isOn)) }
    static func duration(_ duration: Duration) -> Self { .value(.duration(duration)) }
    static func size(_ bytes: Int) -> Self { .value(.size(bytes)) }
    static func word<Word: RawRepresentable<String>>(_ word: Word) -> Self { .value(.text(word.rawValue)) }
    static var emptyList: Self { .value(.list([])) }
}
