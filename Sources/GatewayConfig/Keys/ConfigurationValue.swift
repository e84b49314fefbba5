/// A value as a configuration file writes it. Mappings keep the order of their keys.
public indirect enum ConfigurationValue: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var key: String
        public var value: ConfigurationValue

        public init(_ key: String, _ value: ConfigurationValue) {
            self.key = key
            self.value = value
        }
    }

    case text(String)
    case number(Int)
    case share(Double)
    case flag(Bool)
    case list([ConfigurationValue])
    case mapping([Entry])
}

extension ConfigurationValue {
    static func onOff(_ isOn: Bool) -> ConfigurationValue { .text(isOn ? "on" : "off") }

    static func duration(_ duration: Duration) -> ConfigurationValue { .text(DurationText.format(duration)) }

    /// Without a unit where bytes are no multiple of one.
    static func size(_ bytes: Int) -> ConfigurationValue {
        let text = ByteSizeText.format(bytes)
        return Int(decimalDigits: text).map { ConfigurationValue.number($0) } ?? .text(text)
    }

    static func word<Word: RawRepresentable<String>>(_ word: Word) -> ConfigurationValue { .text(word.rawValue) }

    static func texts(_ texts: [String]) -> ConfigurationValue { .list(texts.map { .text($0) }) }
}
