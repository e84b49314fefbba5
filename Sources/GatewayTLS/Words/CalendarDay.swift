/// A day of UTC, as people write it.
enum CalendarDay {
    /// - Parameter seconds: since 1970-01-01.
    /// - Returns: such as "2024-02-29".
    static func text(_ seconds: Int64) -> String {
        // What X.509 can express: years 0 to 9999.
        guard (-62_167_219_200...253_402_300_799).contains(seconds) else { return "a day that is out of range" }
        // Days since 0000-03-01, so that a leap day is the last of its year.
        let days = (seconds - (seconds % 86_400 + 86_400) % 86_400) / 86_400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }
}
