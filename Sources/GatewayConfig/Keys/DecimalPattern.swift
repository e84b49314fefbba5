/// Regular expressions for numbers within bounds, as JSON Schema needs them for text such as `10s` and `64KiB`.
enum DecimalPattern {
    /// Decimal digits of a number from 0 to `limit`, with or without zeros before it.
    static func upTo(_ limit: Int) -> String {
        let digits = Array(String(limit))
        var forms: [String] = []
        if digits.count > 1 { forms.append(count(digits.count - 1, atLeast: 1)) }
        for (index, digit) in digits.enumerated() {
            guard let value = digit.wholeNumberValue, value > 0 else { continue }
            let rest = digits.count - index - 1
            let below = value == 1 ? "0" : "[0-\(value - 1)]"
            forms.append(String(digits[..<index]) + below + (rest == 0 ? "" : count(rest, atLeast: rest)))
        }
        forms.append(String(limit))
        return "0*(?:\(forms.joined(separator: "|")))"
    }

    /// A number and its unit whose product lies in `range`.
    ///
    /// - Parameter units: names and lengths, all longer than zero.
    static func within(_ range: ClosedRange<Int>, units: [(name: String, length: Int)]) -> String {
        units.compactMap { unit -> String? in
            let most = range.upperBound / unit.length
            let (sum, overflow) = range.lowerBound.addingReportingOverflow(unit.length - 1)
            let least = overflow ? most : sum / unit.length
            guard least <= most else { return nil }
            let excluded = least > 0 ? "(?!\(upTo(least - 1))\(unit.name)$)" : ""
            return excluded + upTo(most) + unit.name
        }.joined(separator: "|")
    }

    private static func count(_ most: Int, atLeast least: Int) -> String {
        switch (least, most) {
        case (1, 1): "[0-9]"
        case _ where least == most: "[0-9]{\(most)}"
        default: "[0-9]{\(least),\(most)}"
        }
    }
}
