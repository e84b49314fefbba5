/// What the value of a key may be.
public indirect enum KeyKind: Sendable {
    /// Text of a form; words such as `true` and numbers are text as well.
    case text(TextForm)
    /// One of these words.
    case word([String])
    /// `true` or `false`.
    case flag
    /// `on` or `off`; `true` and `false` mean the same.
    case onOff
    /// The word `off`; `false` means the same.
    case off
    /// A whole number in decimal digits.
    case number(ClosedRange<Int>)
    /// One of these numbers.
    case oneNumber([Int])
    /// A number from 0 to 1.
    case share
    /// A duration of at least this length and at most ``DurationText/limit``.
    case duration(least: Duration)
    /// A size in bytes.
    case size(ClosedRange<Int>)
    case list(of: KeyKind, ListRule)
    case mapping(KeySection)
    /// A mapping of names, which the file chooses, to text.
    case texts(names: TextForm)
    /// Values that the reference calls by a name of their own.
    case called(String, KeyKind)
    /// Any of these.
    case either([KeyKind])
    /// Of a key that is not supported yet.
    case anything

    public struct ListRule: OptionSet, Sendable {
        public let rawValue: Int

        public init(rawValue: Int) { self.rawValue = rawValue }

        /// An empty list is refused.
        public static let atLeastOne = ListRule(rawValue: 1)
        /// A value that is given twice is refused.
        public static let distinct = ListRule(rawValue: 2)
    }

    static var anyDuration: KeyKind { .duration(least: .zero) }

    /// Longer than zero; a millisecond is the shortest duration that can be written.
    static var positiveDuration: KeyKind { .duration(least: .milliseconds(1)) }

    static func list(of kind: KeyKind) -> KeyKind { .list(of: kind, []) }

    /// The words of `type`.
    static func word<Word: RawRepresentable & CaseIterable>(of type: Word.Type) -> KeyKind
    where Word.RawValue == String {
        .word(type.allCases.map(\.rawValue))
    }
}

extension KeyKind {
    /// The mappings in it, itself or in lists and alternatives.
    public var sections: [KeySection] {
        switch self {
        case .mapping(let section): [section]
        case .list(of: let kind, _), .called(_, let kind): kind.sections
        case .either(let kinds): kinds.flatMap(\.sections)
        default: []
        }
    }
}

extension KeyKind {
    /// What text that is a value of this kind matches, in the dialect of JSON Schema (ECMA 262); nil: any text, or none.
    /// References to the environment are left out of account.
    public var pattern: String? {
        switch self {
        case .text(let form): form.pattern
        case .flag: "true|false"
        case .onOff: "on|off|true|false"
        case .off: "off|false"
        case .number(let range): DecimalPattern.within(range, units: [("", 1)])
        case .share: #"0+(?:\.[0-9]+)?|0*1(?:\.0+)?"#
        case .duration(let least):
            DecimalPattern.within(
                DurationText.milliseconds(of: least)...DurationText.milliseconds(of: DurationText.limit),
                units: DurationText.units)
        case .size(let range): DecimalPattern.within(range, units: ByteSizeText.units)
        case .called(_, let kind): kind.pattern
        case .word, .oneNumber, .list, .mapping, .texts, .either, .anything: nil
        }
    }
}
