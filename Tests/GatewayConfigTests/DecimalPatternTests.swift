import Testing

@testable import GatewayConfig

@Suite("Patterns of numbers within bounds")
struct DecimalPatternTests {
    @Test(arguments: [0, 1, 9, 10, 99, 100, 101, 365, 1000, 1019, 8760, 65_535])
    func upTo(limit: Int) throws {
        let pattern = try Regex(DecimalPattern.upTo(limit))
        for number in Array(0...1100) + [limit - 1, limit, limit + 1, limit * 10, 99_999] where number >= 0 {
            #expect(("\(number)".wholeMatch(of: pattern) != nil) == (number <= limit), "\(number)")
            #expect(("00\(number)".wholeMatch(of: pattern) != nil) == (number <= limit), "00\(number)")
        }
        for text in ["", "-1", "+1", "1.0", "a"] { #expect(text.wholeMatch(of: pattern) == nil, "\(text)") }
    }

    /// The same as the readers say.
    @Test(arguments: [Duration.zero, .milliseconds(1), .milliseconds(100)])
    func durations(least: Duration) throws {
        let pattern = try #require(KeyKind.duration(least: least).pattern)
        let expression = try Regex("^(?:\(pattern))$")
        for count in [0, 1, 9, 99, 100, 101, 364, 365, 366, 8760, 8761, 31_536_000, 31_536_001] {
            for unit in ["ms", "s", "m", "h", "d", "", "w"] {
                let text = "\(count)\(unit)"
                let isGood = DurationText.parse(text).map { $0 >= least && $0 <= DurationText.limit } ?? false
                #expect((text.firstMatch(of: expression) != nil) == isGood, "\(text)")
            }
        }
    }

    @Test(arguments: [0...(1 << 40), 512...(1 << 20), 1...(1 << 31)])
    func sizes(range: ClosedRange<Int>) throws {
        let pattern = try #require(KeyKind.size(range).pattern)
        let expression = try Regex("^(?:\(pattern))$")
        for count in [0, 1, 2, 3, 511, 512, 1023, 1024, 1025, 1_048_576, 1_048_577, 2_147_483_648, 2_147_483_649] {
            for unit in ["", "KiB", "MiB", "GiB", "KB"] {
                let text = "\(count)\(unit)"
                let isGood = ByteSizeText.parse(text).map(range.contains) ?? false
                #expect((text.firstMatch(of: expression) != nil) == isGood, "\(text)")
            }
        }
    }
}
