public import GatewayConfig

/// Which fields of the log don't show their values, and what they show instead.
public struct LogRedaction: Sendable {
    /// What a hidden field shows.
    static let hidden = "[redacted]"

    private let fields: [String: LogConfiguration.Redaction]
    private let key: (UInt64, UInt64)

    /// Hides nothing.
    public static let none = LogRedaction([:], key: (0, 0))

    /// - Parameter key: secret, and random for each process: without it nobody can find a value again by hashing those
    ///   that it could be.
    public init(_ fields: [LogConfiguration.Field: LogConfiguration.Redaction], key: (UInt64, UInt64)) {
        self.fields = Dictionary(uniqueKeysWithValues: fields.map { ($0.key.rawValue, $0.value) })
        self.key = key
    }

    var isEmpty: Bool { fields.isEmpty }

    /// What the field of that name shows in place of `value`; nil: `value` itself.
    ///
    /// A hash has 16 hexadecimal digits, and is the same for the same value as long as the process runs.
    func replacement(of value: String, in name: String) -> String? {
        switch fields[name] {
        case nil: nil
        case .hide: Self.hidden
        case .hash: hash(of: value)
        }
    }

    private func hash(of value: String) -> String {
        var hasher = Hasher()
        hasher.combine(key.0)
        hasher.combine(key.1)
        hasher.combine(value)
        let digits = String(UInt64(bitPattern: Int64(hasher.finalize())), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
