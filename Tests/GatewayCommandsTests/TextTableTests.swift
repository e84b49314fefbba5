import Testing

@testable import GatewayCommands

@Suite struct TextTableTests {
    static let table = TextTable(
        columns: [.init("NAME", narrowest: 4), .init("OPEN", isFigure: true), .init("SERVER", narrowest: 6)],
        rows: [["chat", "12", "10.0.0.5:9001"], ["a-long-name-of-a-route", "7", "b"]])

    @Test func columnsAreAsWideAsTheirCells() {
        #expect(
            Self.table.lines() == [
                "NAME                    OPEN  SERVER",
                "chat                      12  10.0.0.5:9001",
                "a-long-name-of-a-route     7  b",
            ])
    }

    @Test func theWidestColumnGivesWayFirst() {
        #expect(
            Self.table.lines(width: 36) == [
                "NAME             OPEN  SERVER",
                "chat               12  10.0.0.5:9001",
                "a-long-name-of…     7  b",
            ])
    }

    @Test(arguments: 1...60)
    func noLineIsWiderThanAsked(width: Int) {
        let lines = Self.table.lines(width: width)
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.count <= width })
    }

    @Test func whatNobodySeesIsEscaped() {
        let table = TextTable(columns: [.init("NAME")], rows: [["a\u{1B}[2J\u{202E}"]])
        #expect(table.lines() == ["NAME", "a\\u001b[2J\\u202e"])
    }
}
