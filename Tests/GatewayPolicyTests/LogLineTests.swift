import Foundation
import GatewayConfig
import GatewayPolicy
import Testing

@Suite("A line of the log")
struct LogLineTests {
    private static let time = LogTime(seconds: 1_767_323_045, milliseconds: 678)

    private func line(_ format: LogConfiguration.Format, _ redaction: LogRedaction = .none) -> LogLine {
        LogLine("connection closed", level: "info", at: Self.time, format: format, redaction: redaction)
    }

    private func text(_ line: LogLine) -> String { String(decoding: line.finished(), as: UTF8.self) }

    @Test("has its fields in the order in which they were added, each with its type")
    func types() {
        for (format, expected) in [
            (
                LogConfiguration.Format.json,
                #"{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"connection closed","route":"chat","#
                    + #""code":1000,"bytes":-5,"duration_seconds":0.25,"tls":true,"resumed":false}"#
            ),
            (
                .text,
                #"2026-01-02T03:04:05.678Z info connection closed route="chat" code=1000 bytes=-5 "#
                    + "duration_seconds=0.25 tls=true resumed=false"
            ),
        ] {
            var line = line(format)
            line.add("route", "chat")
            line.add("code", UInt16(1000))
            line.add("bytes", -5)
            line.add("duration_seconds", 0.25)
            line.add("tls", true)
            line.add("resumed", false)
            #expect(text(line) == expected + "\n")
        }
    }

    @Test("is JSON whatever its numbers are", arguments: [Double.nan, .infinity, -.infinity, 1e-9, 1e300, -0.0])
    func numbers(number: Double) throws {
        var line = line(.json)
        line.add("n", number)
        line.add(named: "m", number)
        let read = try JSONSerialization.jsonObject(with: Data(line.finished())) as? [String: Any]
        #expect(read?["n"] as? Double == (number.isFinite ? number : 0))
        #expect(read?["m"] as? Double == (number.isFinite ? number : 0))
    }

    @Test(
        "stays one line, and gives back what was put in",
        arguments: [
            "plain", "", "\"", "\\", "\n", "\r\n", "\t", "\0", "\u{7F}", "\u{9B}", "\u{2028}", "\u{202E}abc", "grüße 🙂",
            "e\u{301}", "\u{E0041}", "a\"b\\c\nd\u{1}e\u{10FFFF}",
        ])
    func values(value: String) throws {
        var line = line(.json)
        line.add("value", value)
        let bytes = line.finished()
        #expect(bytes.count { $0 == UInt8(ascii: "\n") } == 1)
        let read = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        // Compared as bytes: composed and decomposed characters are equal as strings.
        #expect((read?["value"] as? String).map { Array($0.utf8) } == Array(value.utf8))
    }

    @Test(
        "tells its time as RFC 3339 writes it",
        arguments: [
            (0, 0, "1970-01-01T00:00:00.000Z"), (951_782_400, 9, "2000-02-29T00:00:00.009Z"),
            (1_767_225_599, 999, "2025-12-31T23:59:59.999Z"), (253_402_300_799, 0, "9999-12-31T23:59:59.000Z"),
            (-1, -1, "1970-01-01T00:00:00.000Z"), (Int.max, 5000, "9999-12-31T23:59:59.999Z"),
        ])
    func times(seconds: Int, milliseconds: Int, expected: String) {
        let line = LogLine(
            "m", level: "info", at: LogTime(seconds: seconds, milliseconds: milliseconds), format: .text)
        #expect(text(line) == "\(expected) info m\n")
    }

    @Test("shows of a redacted field that it is there")
    func hiding() {
        var line = line(.json, LogRedaction([.client: .hide], key: (1, 2)))
        line.add("client", "192.0.2.1")
        line.add("host", "example.com")
        line.add("code", 1000)
        #expect(text(line).hasSuffix(#","client":"[redacted]","host":"example.com","code":1000}"# + "\n"))
    }

    @Test("shows of a hashed field whether it is the same as in another line of the process")
    func hashing() throws {
        func hash(_ client: String, key: (UInt64, UInt64)) throws -> Substring {
            var line = line(.text, LogRedaction([.client: .hash], key: key))
            line.add("client", client)
            let text = text(line)
            return try #require(text.firstMatch(of: /client="([0-9a-f]{16})"\n/), "\(text)").1
        }
        let first = try hash("192.0.2.1", key: (1, 2))
        #expect(try hash("192.0.2.1", key: (1, 2)) == first)
        #expect(try hash("192.0.2.2", key: (1, 2)) != first)
        #expect(try hash("192.0.2.1", key: (1, 3)) != first)
    }
}
