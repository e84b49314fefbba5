import Testing

@testable import GatewayCommands

@Suite struct FigureTextTests {
    @Test(arguments: [
        (0.0, "0"), (950, "950"), (9999, "9999"), (12_345, "12.3k"), (999_499, "999k"), (999_600, "1.00M"),
        (4_560_000, "4.56M"), (0.5, "0.50"), (12.34, "12.3"), (999.7, "1.00k"),
    ])
    func aCount(value: Double, expected: String) {
        #expect(FigureText.count(value) == expected)
    }

    @Test(arguments: [(0.0, "0"), (512, "512"), (1536, "1.50KiB"), (1_048_576, "1.00MiB"), (12_900_000, "12.3MiB")])
    func bytes(value: Double, expected: String) {
        #expect(FigureText.bytes(value) == expected)
    }

    @Test(arguments: [(0.00032, "320us"), (0.00125, "1.25ms"), (0.0999, "99.9ms"), (2.5, "2.50s")])
    func aLatency(value: Double, expected: String) {
        #expect(FigureText.latency(value) == expected)
    }

    @Test(arguments: [
        (0.9, "0s"), (42, "42s"), (192, "3m12s"), (7500, "2h05m"), (1_051_200, "12d04h"),
    ])
    func anAge(value: Double, expected: String) {
        #expect(FigureText.age(value) == expected)
    }

    @Test(arguments: [nil, -1.0, .infinity, -.infinity, .nan, 1e300])
    func whatIsNoFigureIsADash(value: Double?) {
        #expect(FigureText.whole(value) == "-")
        #expect(FigureText.age(value) == "-")
        #expect(FigureText.count(value) == "-")
        #expect(FigureText.bytes(value) == "-")
    }
}
