/// Numbers from 0 to 1 in decimal digits, without an exponent.
enum DecimalFraction {
    /// The shortest text that is read as `value`; a whole number has no fraction.
    static func text(_ value: Double) -> String {
        let parts = "\(value)".split(separator: "e", maxSplits: 1)
        guard parts.count == 2, let exponent = Int(parts[1]), exponent < 0, exponent >= -400 else {
            let text = "\(value)"
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        let digits = parts[0].filter(\.isNumber)
        return "0." + String(repeating: "0", count: -exponent - 1)
            + (digits.hasSuffix("0") ? digits.dropLast() : digits[...])
    }
}
