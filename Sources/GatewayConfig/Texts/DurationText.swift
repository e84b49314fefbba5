/// `250ms`, `10s`, `5m`, `2h`, `7d`.
public enum DurationText {
    static let limit: Duration = .seconds(365 * 86_400)

    /// nil: it is no duration, or one past what the type holds.
    public static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        // Twelve digits of milliseconds are 31 years: past every limit, within every type.
        guard !digits.isEmpty, digits.count <= 12, let count = Int64(decimalDigits: digits),
            let unit = units.first(where: { $0.name == text[digits.endIndex...] })
        else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: Int64(unit.length))
        return overflow ? nil : .milliseconds(product)
    }

    /// Each with its length in milliseconds.
    static let units: [(name: String, length: Int)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Rounded down. Of nothing longer than the limit.
    static func milliseconds(of duration: Duration) -> Int {
        let (seconds, attoseconds) = min(duration, limit).components
        return Int(seconds) &* 1_000 &+ Int(attoseconds / 1_000_000_000_000_000)
    }

    /// `90s` for `90`, `10s` for `10 sec`, `1500ms` for `1.5s` and the like; nil: nothing is near.
    static func nearest(to text: String) -> String? {
        let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let unit: String
        switch text[number.endIndex...].filter({ $0 != " " }).lowercased() {
        case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds": unit = "ms"
        case "", "s", "sec", "secs", "second", "seconds": unit = "s"
        case "m", "min", "mins", "minute", "minutes": unit = "m"
        case "h", "hr", "hrs", "hour", "hours": unit = "h"
        case "d", "day", "days": unit = "d"
        default: return nil
        }
        if parse("\(number)\(unit)") != nil { return "\(number)\(unit)" }
        let lengths = ["s": 1_000.0, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard number.utf8.count <= 9, let length = lengths[unit], let count = Double(number) else { return nil }
        return format(.milliseconds(Int64((count * length).rounded())))
    }

    /// In the largest unit that needs no fraction.
    public static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        if attoseconds != 0 { return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms" }
        for (unit, length) in [("h", Int64(3600)), ("m", 60)] where seconds >= length && seconds % length == 0 {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }
}
