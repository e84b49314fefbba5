/// `512`, `64KiB`, `16MiB`, `1GiB`.
public enum ByteSizeText {
    static let units: [(name: String, length: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)]

    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let count = Int(decimalDigits: digits),
            let unit = units.first(where: { $0.name == text[digits.endIndex...] })
        else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.length)
        return overflow ? nil : product
    }

    /// In the largest unit that needs no fraction.
    public static func format(_ size: Int) -> String {
        for (name, length) in units where size >= length && size % length == 0 { return "\(size / length)\(name)" }
        return "\(size)"
    }

    /// `64KiB` for `64KB`, `64K`, `64 kib` and the like.
    static func nearest(to text: String) -> String? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, digits.count < 16 else { return nil }
        let unit = text[digits.endIndex...].filter { $0 != " " }.lowercased()
        switch unit {
        case "k", "kb", "kib": return digits + "KiB"
        case "m", "mb", "mib": return digits + "MiB"
        case "g", "gb", "gib": return digits + "GiB"
        case "b": return String(digits)
        default: return nil
        }
    }
}
