import Testing

@testable import GatewayTelemetry

@Suite("The latest warnings")
struct RecentWarningsTests {
    private func entry(_ message: String, _ fields: [String: String] = [:]) -> RecentWarnings.Entry {
        .init(time: "2026-01-01T00:00:00.000Z", level: "warning", message: message, fields: fields)
    }

    @Test("the newest come first, and only so many are kept")
    func order() {
        let recent = RecentWarnings()
        for number in 0..<150 { recent.add(entry("\(number)")) }
        #expect(recent.entries.count == RecentWarnings.capacity)
        #expect(recent.entries.first?.message == "149" && recent.entries.last?.message == "50")
        #expect(recent.count == 150)
    }

    @Test("their bytes are bounded, whatever is in them")
    func bytes() {
        let recent = RecentWarnings()
        let fields = Dictionary(
            uniqueKeysWithValues: (0..<100).map { ("key\($0)", String(repeating: "ä", count: 5000)) })
        for _ in 0..<200 { recent.add(entry(String(repeating: "m", count: 5000), fields)) }
        let entries = recent.entries
        #expect(!entries.isEmpty)
        #expect(entries.reduce(0) { $0 + $1.byteCount } <= RecentWarnings.byteLimit)
        #expect(entries[0].fields.count == RecentWarnings.fieldLimit)
        for text in [entries[0].message] + entries[0].fields.values {
            #expect(text.utf8.count <= RecentWarnings.textLimit && text.hasSuffix("…"))
        }
    }
}
