import Testing

@testable import GatewayConfig

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("10s", .seconds(10)), ("5m", .seconds(300)), ("2h", .seconds(7200)),
        ("7d", .seconds(604_800)), ("0s", .zero), ("007s", .seconds(7)),
    ])
    func aDurationHasANumberAndAUnit(text: String, expected: Duration) {
        #expect(DurationText.parse(text) == expected)
    }

    @Test(arguments: ["", "10", "s", "10 s", "10 sec", "-1s", "1.5s", "1h30m", "10S", "9999999999999s", "١s"])
    func anythingElseIsNoDuration(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        ("90", "90s"), ("10 sec", "10s"), ("10S", "10s"), ("5min", "5m"), ("2 hours", "2h"), ("1 day", "1d"),
        ("100 msecs", "100ms"), ("1.5s", "1500ms"), ("0.5h", "30m"), ("1h30m", nil), ("many", nil), ("-1s", nil),
        ("9999999999999", nil), ("1.2.3s", nil), ("", nil), (".", nil),
    ])
    func aNearMissHasAUnit(text: String, expected: String?) {
        #expect(DurationText.nearest(to: text) == expected)
    }

    @Test(arguments: [
        (Duration.milliseconds(1500), "1500ms"), (.seconds(90), "90s"), (.seconds(120), "2m"), (.seconds(7200), "2h"),
    ])
    func aDurationIsPrintedInTheLargestWholeUnit(duration: Duration, expected: String) {
        #expect(DurationText.format(duration) == expected)
    }
}

@Suite struct ByteSizeTextTests {
    @Test(arguments: [
        ("512", 512), ("0", 0), ("64KiB", 65_536), ("16MiB", 16_777_216), ("1GiB", 1_073_741_824),
    ])
    func aSizeIsBytesOrBinaryUnits(text: String, expected: Int) {
        #expect(ByteSizeText.parse(text) == expected)
        #expect(ByteSizeText.format(expected) == text)
    }

    @Test(arguments: [
        "", "KiB", "64 KiB", "64kib", "-1", "1.5MiB", "99999999999999999999", "9999999999999999KiB", "1TiB",
    ])
    func anythingElseIsNoSize(text: String) {
        #expect(ByteSizeText.parse(text) == nil)
    }

    @Test(arguments: [("64KB", "64KiB"), ("16 mb", "16MiB"), ("1G", "1GiB"), ("5B", "5"), ("many", nil), ("1TB", nil)])
    func aDecimalUnitIsANearMiss(text: String, expected: String?) {
        #expect(ByteSizeText.nearest(to: text) == expected)
    }
}

@Suite struct IPPrefixTextTests {
    @Test(arguments: [
        ("10.0.0.0/8", IPPrefix(bytes: [10, 0, 0, 0], length: 8)),
        ("1.2.3.4", IPPrefix(bytes: [1, 2, 3, 4], length: 32)),
        ("0.0.0.0/0", IPPrefix(bytes: [0, 0, 0, 0], length: 0)),
        ("::1", IPPrefix(bytes: [UInt8](repeating: 0, count: 15) + [1], length: 128)),
        ("fd00::/8", IPPrefix(bytes: [0xFD] + [UInt8](repeating: 0, count: 15), length: 8)),
    ])
    func aBlockIsAnAddressAndALength(text: String, expected: IPPrefix) {
        #expect(IPPrefix(text) == expected)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/08x", "host", "10.0.0.0/+8", "1.2.3.4\0",
        "010.0.0.1", "10.0.0.256/8", "10.0.0.0/08", "10.0.0.0/00", "10.0.0.0/-0", "0x0a.0.0.1",
    ])
    func anythingElseIsNone(text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test func aBlockContainsItsAddresses() throws {
        let block = try #require(IPPrefix("10.64.0.0/10"))
        #expect(block.contains([10, 127, 255, 255]))
        #expect(!block.contains([10, 128, 0, 0]))
        #expect(!block.contains([UInt8](repeating: 0, count: 16)))
    }
}
