/// A moment as the log tells it, in UTC.
public struct LogTime: Equatable, Sendable {
    /// Since 1970-01-01 00:00:00 UTC; before it counts as then, after the year 9999 as its end.
    public var seconds: Int
    /// 0 to 999.
    public var milliseconds: Int

    public init(seconds: Int, milliseconds: Int) {
        self.seconds = min(max(seconds, 0), 253_402_300_799)
        self.milliseconds = min(max(milliseconds, 0), 999)
    }

    /// As RFC 3339 writes it.
    public var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends it as RFC 3339 writes it, such as `2026-01-02T03:04:05.678Z`.
    func append(to bytes: inout [UInt8]) {
        let (day, time) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let (year, month, dayOfMonth) = HTTPDate.date(daysSince1970: day)
        func append(_ number: Int, _ width: Int, then separator: Unicode.Scalar) {
            var divisor = width == 4 ? 1000 : width == 3 ? 100 : 10
            while divisor > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
                divisor /= 10
            }
            bytes.append(UInt8(ascii: separator))
        }
        append(year, 4, then: "-")
        append(month, 2, then: "-")
        append(dayOfMonth, 2, then: "T")
        append(time / 3600, 2, then: ":")
        append(time / 60 % 60, 2, then: ":")
        append(time % 60, 2, then: ".")
        append(milliseconds, 3, then: "Z")
    }
}
