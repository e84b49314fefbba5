import Testing

@testable import GatewayTLS

@Suite("Days")
struct CalendarDayTests {
    @Test(
        "the days are those of UTC",
        arguments: [
            (0, "1970-01-01"), (-1, "1969-12-31"), (86_399, "1970-01-01"), (86_400, "1970-01-02"),
            (951_782_399, "2000-02-28"), (951_782_400, "2000-02-29"), (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"), (4_107_542_399, "2100-02-28"), (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"), (253_402_300_800, "a day that is out of range"),
            (-62_167_219_200, "0000-01-01"), (.min, "a day that is out of range"), (.max, "a day that is out of range"),
        ] as [(Int64, String)])
    func days(seconds: Int64, expected: String) { #expect(CalendarDay.text(seconds) == expected) }
}
