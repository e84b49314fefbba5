/// Stands in for values that may be secrets: `masked-1`, `masked-2` and so on, the same for the same value.
///
/// A mask is itself a value that `check` takes: masked text is as good a file as the one that it came from, and two
/// conditions that differ still do. Masking masked text changes nothing, because the masks are counted in the order in
/// which the text has them.
struct SecretMasks {
    private static let prefix = "masked-"

    private var masks: [String: String] = [:]

    /// An empty value hides nothing, and stays.
    mutating func mask(_ value: String) -> String {
        guard !value.isEmpty else { return value }
        if let mask = masks[value] { return mask }
        let mask = "\(Self.prefix)\(masks.count + 1)"
        masks[value] = mask
        return mask
    }

    /// The query of a path or URL (RFC 3986 §3.4).
    mutating func maskQuery(of target: String) -> String {
        guard let mark = target.firstIndex(of: "?") else { return target }
        return target[...mark] + mask(String(target[target.index(after: mark)...]))
    }

    /// Names in their order, each with the mask of its value.
    mutating func mask(_ values: [String: String]) -> ConfigurationValue {
        .mapping(values.sorted { $0.key < $1.key }.map { .init($0.key, .text(mask($0.value))) })
    }

    /// Whether `text` was made by a mask.
    static func isMask(_ text: String) -> Bool {
        text.hasPrefix(prefix) && Int(decimalDigits: text.dropFirst(prefix.count)) != nil
    }
}
