import Testing

@testable import GatewayCommands

@Suite struct TopKeyReaderTests {
    private func keys(_ pieces: [UInt8]...) -> [TopKey] {
        var reader = TopKeyReader()
        return pieces.flatMap { reader.keys($0) }
    }

    @Test func keysOfATerminal() {
        #expect(keys(Array("q1/".utf8)) == [.character("q"), .character("1"), .character("/")])
        #expect(keys([0x1B, 0x5B, 0x41, 0x1B, 0x4F, 0x42]) == [.up, .down])
        #expect(
            keys(Array("\u{1B}[5~\u{1B}[6~\u{1B}[H\u{1B}[F\u{1B}[Z".utf8)) == [
                .pageUp, .pageDown, .home, .end, .backTab,
            ])
        #expect(
            keys([0x03], [0x09], [0x0D], [0x7F], [0x0C], [0x1A]) == [
                .interrupt, .tab, .enter, .backspace, .redraw, .suspend,
            ])
        #expect(keys([0x1B]) == [.escape])
    }

    @Test func aKeyMayComeInPieces() {
        #expect(keys([0x1B, 0x5B], [0x41]) == [.up])
        #expect(keys([0xC3], [0xA9]) == [.character("é")])
    }

    @Test func unknownKeysAreLeftOut() {
        #expect(keys(Array("\u{1B}[15~\u{1B}[1;5Cq".utf8)) == [.character("q")])
        #expect(keys([0xFF, 0x80, 0x01, 0x71]) == [.character("q")])
    }

    @Test func noInputIsKeptForEver() {
        var reader = TopKeyReader()
        for _ in 0..<1000 { _ = reader.keys([0x1B, 0x5B] + [UInt8](repeating: 0x30, count: 100)) }
        #expect(reader.keys(Array("\u{1B}~q".utf8)).last == .character("q"))
    }
}

@Suite struct TopScreenTests {
    private func state() throws -> TopState {
        var state = TopState(address: "127.0.0.1:9901")
        state.take(try Answers.reading(time: 0))
        state.take(
            try Answers.reading(time: 2) {
                $0.replacing("\"text\":5", with: "\"text\":25").replacing(
                    "\"uptime_seconds\":7500.5", with: "\"uptime_seconds\":7502.5")
            })
        return state
    }

    private func lines(_ state: TopState, _ width: Int = 80, _ height: Int = 24) -> [String] {
        TopScreen(state, width: width, height: height, style: .plain).lines
    }

    @Test func ratesAreTheDifferenceOfTwoReadings() throws {
        let lines = lines(try state())
        #expect(lines[0] == "sluice 0.1.0 at 127.0.0.1:9901: serving, up 2h05m, 45.0MiB of memory")
        #expect(lines[2].hasPrefix("[1 routes] 2 servers  3 connections   by OPEN"))
        #expect(
            lines[4].split(separator: " ", omittingEmptySubsequences: true)
                == ["chat_room", "3", "3", "0", "10", "0", "0", "0", "4.00ms"])
    }

    @Test func afterARestartThereAreNoRates() throws {
        var state = try state()
        state.take(try Answers.reading(time: 4) { $0.replacing("7500.5", with: "1.5") })
        #expect(lines(state)[4].split(separator: " ").dropFirst(3).first == "-")
    }

    @Test(arguments: TopPane.allCases, [(80, 24), (20, 6), (3, 1), (200, 60)])
    func theScreenIsFilledAndNeverWider(pane: TopPane, size: (width: Int, height: Int)) throws {
        var state = try state()
        _ = state.take(.character(Character(String(pane.rawValue + 1))), height: size.height)
        for help in [false, true] {
            if help { _ = state.take(.character("?"), height: size.height) }
            let lines = lines(state, size.width, size.height)
            #expect(lines.count == max(6, size.height))
            #expect(lines.allSatisfy { $0.count <= max(20, size.width) })
        }
    }

    @Test func panesAndSorting() throws {
        var state = try state()
        #expect(state.take(.tab, height: 24) == .stay)
        #expect(lines(state)[2].contains("[2 servers]"))
        #expect(lines(state)[4].hasPrefix("10.0.0.5:9001"))
        _ = state.take(.character("r"), height: 24)
        #expect(lines(state)[4].hasPrefix("10.0.0.6:9001"))
        #expect(state.take(.tab, height: 24) == .read)
        #expect(state.wantsConnections)
        _ = state.take(.character("S"), height: 24)
        #expect(lines(state)[2].contains("by AGE reversed"))
        for _ in 0..<5 { _ = state.take(.character("s"), height: 24) }
        #expect(lines(state)[2].contains("by ID"))
        #expect(state.take(.backTab, height: 24) == .stay)
    }

    @Test func aFilterIsTyped() throws {
        var state = try state()
        for key in [TopKey.character("/"), .character("q"), .backspace, .character("C"), .character("h")] {
            #expect(state.take(key, height: 24) == .stay)
        }
        #expect(lines(state)[2].contains("filter: Ch"))
        #expect(lines(state).contains { $0.hasPrefix("chat_room") } && !lines(state).contains { $0.hasPrefix("admin") })
        _ = state.take(.enter, height: 24)
        _ = state.take(.escape, height: 24)
        #expect(lines(state).contains { $0.hasPrefix("admin") })
        for character in "/\u{1B}[none" { _ = state.take(.character(character), height: 24) }
        #expect(lines(state)[4] == "no line contains the filter's text")
        #expect(!lines(state).joined().contains("\u{1B}"))
    }

    @Test func longListsScroll() throws {
        var state = TopState(address: "a")
        let routes = (10..<60).map { "\"r\($0)\":{\"active\":\($0)}" }.joined(separator: ",")
        state.take(try Answers.reading { $0.replacing("\"routes\":{", with: "\"routes\":{\(routes),") })
        #expect(lines(state)[4].hasPrefix("r59"))
        #expect(lines(state).last?.hasSuffix("1-19 of 52") == true)
        _ = state.take(.down, height: 24)
        #expect(lines(state)[4].hasPrefix("r58"))
        _ = state.take(.end, height: 24)
        #expect(lines(state).last?.hasSuffix("34-52 of 52") == true)
        _ = state.take(.down, height: 24)
        #expect(lines(state).last?.hasSuffix("34-52 of 52") == true)
        _ = state.take(.pageUp, height: 24)
        #expect(lines(state).last?.hasSuffix("15-33 of 52") == true)
        _ = state.take(.home, height: 24)
        #expect(lines(state)[4].hasPrefix("r59"))
        // A terminal that has grown shows the rest.
        _ = state.take(.end, height: 24)
        #expect(lines(state, 80, 70).filter { $0.hasPrefix("r") }.count == 50)
    }

    @Test func aPauseKeepsThePictureAndAFailureIsTold() throws {
        var state = try state()
        _ = state.take(.character("p"), height: 24)
        let before = lines(state)
        state.take(try Answers.reading(time: 9) { $0.replacing("0.1.0", with: "9.9.9") })
        #expect(lines(state) == before && before[2].contains("paused"))
        state.take(failure: "no gateway answers at 127.0.0.1:9901")
        #expect(lines(state).last == "no gateway answers at 127.0.0.1:9901")
        #expect(lines(state).dropLast() == before.dropLast())
        _ = state.take(.character("p"), height: 24)
        state.take(try Answers.reading(time: 11))
        #expect(lines(state).last?.hasPrefix("q quit") == true)
    }

    @Test(arguments: [
        (TopKey.character("q"), TopState.Outcome.quit), (.interrupt, .quit), (.suspend, .suspend), (.redraw, .redraw),
    ])
    func keysThatAreForTheTerminal(key: TopKey, outcome: TopState.Outcome) throws {
        var state = try state()
        #expect(state.take(key, height: 24) == outcome)
        _ = state.take(.character("/"), height: 24)
        #expect(state.take(key, height: 24) == (key == .character("q") ? .stay : outcome))
    }

    @Test func troubleIsRedOnATerminalWithColours() throws {
        var state = try state()
        _ = state.take(.character("2"), height: 24)
        let lines = TopScreen(state, width: 80, height: 24, style: TextStyle(isColoured: true)).lines
        #expect(lines.contains { $0.hasPrefix("\u{1B}[1;31m10.0.0.6:9001") })
    }
}
