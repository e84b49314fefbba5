/// Figures as people read them. What is no finite number of 0 or more is shown as `-`.
public enum FigureText {
    /// A count: `950`, `12.3k`, `4.56M`; whole up to 9999.
    public static func count(_ value: Double?) -> String {
        scaled(value, base: 1000, units: ["", "k", "M", "G", "T"], wholeBelow: 10_000)
    }

    /// Every digit of a count.
    public static func whole(_ value: Double?) -> String {
        guard let value = shown(value), value < 1e18 else { return "-" }
        return String(Int64(value))
    }

    /// Bytes: `512`, `1.50KiB`, `12.3MiB`.
    public static func bytes(_ value: Double?) -> String {
        scaled(value, base: 1024, units: ["", "KiB", "MiB", "GiB", "TiB"], wholeBelow: 1024)
    }

    /// A time in seconds, short: `320us`, `1.25ms`, `2.50s`.
    public static func latency(_ seconds: Double?) -> String {
        guard let seconds = shown(seconds), seconds < 1e9 else { return "-" }
        if seconds < 0.001 { return "\(Int((seconds * 1e6).rounded()))us" }
        return seconds < 1 ? "\(three(seconds * 1000))ms" : "\(three(seconds))s"
    }

    /// How long something has lived, its two largest units: `42s`, `3m12s`, `2h05m`, `12d04h`.
    public static func age(_ seconds: Double?) -> String {
        guard let value = shown(seconds), value < 1e12 else { return "-" }
        let seconds = Int(value)
        func two(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
            "\(large)\(largeUnit)\(small < 10 ? "0" : "")\(small)\(smallUnit)"
        }
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3600 { return two(seconds / 60, "m", seconds % 60, "s") }
        if seconds < 86_400 { return two(seconds / 3600, "h", seconds / 60 % 60, "m") }
        return two(seconds / 86_400, "d", seconds / 3600 % 24, "h")
    }

    private static func scaled(_ value: Double?, base: Double, units: [String], wholeBelow: Double) -> String {
        guard let value = shown(value) else { return "-" }
        if value < wholeBelow, value == value.rounded() { return String(Int64(value)) }
        var rest = value
        var unit = 0
        // 999.5 would be shown as 1000 of its unit.
        while rest >= base - 0.5, unit < units.count - 1 {
            rest /= base
            unit += 1
        }
        guard rest < 1e15 else { return "-" }
        return three(rest) + units[unit]
    }

    /// With three digits that count.
    private static func three(_ value: Double) -> String {
        let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
        let factor = [1.0, 10, 100][decimals]
        let scaled = Int64((value * factor).rounded())
        guard decimals > 0 else { return String(scaled) }
        let fraction = String(scaled % Int64(factor))
        return "\(scaled / Int64(factor))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    private static func shown(_ value: Double?) -> Double? {
        guard let value, value.isFinite, value >= 0 else { return nil }
        return value
    }
}
