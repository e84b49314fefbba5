import GatewayConfig

/// Draws `TopState`: exactly as many lines as the terminal has, none wider than it.
public struct TopScreen: Sendable {
    /// Lines that are not rows: two of figures, the panes, the titles, the keys.
    static let fixedLines = 5

    private let state: TopState
    private let width: Int
    private let height: Int
    private let style: TextStyle

    /// - Parameters:
    ///   - width: in characters; what is less than 20 is taken for 20.
    ///   - height: in lines; what is less than 6 is taken for 6.
    public init(_ state: TopState, width: Int, height: Int, style: TextStyle) {
        self.state = state
        self.width = max(20, width)
        self.height = max(TopScreen.fixedLines + 1, height)
        self.style = style
    }

    public var lines: [String] {
        var lines = [cut(processLine), cut(figuresLine), paneLine]
        let room = height - Self.fixedLines
        if state.showsHelp {
            lines += Self.help.prefix(room + 1).map(cut)
        } else {
            lines += table(room: room)
        }
        while lines.count < height - 1 { lines.append("") }
        lines.append(lastLine)
        return lines
    }

    private var processLine: String {
        guard let stats = state.latest?.stats else { return "sluice at \(state.address)" }
        let memory = stats.residentBytes > 0 ? ", \(FigureText.bytes(stats.residentBytes)) of memory" : ""
        return "sluice \(stats.version) at \(state.address): \(stats.isDraining ? "draining" : "serving"), up "
            + "\(FigureText.age(stats.uptimeSeconds))\(memory)"
    }

    private var figuresLine: String {
        guard let reading = state.latest else { return "" }
        func rate(_ counter: @escaping (StatsReading) -> Double) -> Double? {
            reading.perSecond(since: state.previous, counter)
        }
        let refused = reading.stats.rejectedTotal.values.reduce(0, +)
        return
            "WebSockets \(FigureText.count(reading.stats.active)), new \(FigureText.count(rate(\.acceptedTotal)))/s, "
            + "refused \(FigureText.count(refused)), in \(FigureText.bytes(rate(\.bytesIn)))/s, "
            + "out \(FigureText.bytes(rate(\.bytesOut)))/s"
    }

    private var paneLine: String {
        var plain = ""
        var styled = ""
        for pane in TopPane.allCases {
            let title = " \(pane.rawValue + 1) \(pane.title) "
            // Without colours, brackets show which one it is.
            let shown = pane != state.pane ? title : style.isColoured ? title : "[\(title.dropFirst().dropLast())]"
            plain += shown
            styled += pane == state.pane ? style.inverse(shown) : shown
        }
        let column = state.pane.columns[state.sortColumn].title
        var rest = "  by \(column)\(state.isReversed ? " reversed" : "")"
        if !state.filter.isEmpty || state.isTypingFilter { rest += "  filter: \(state.filter)" }
        if state.isPaused { rest += "  paused" }
        guard plain.count + rest.count > width else { return styled + VisibleText.escaped(rest) }
        return plain.count > width
            ? cut(plain) : styled + TextTable.cut(VisibleText.escaped(rest), to: width - plain.count)
    }

    private func table(room: Int) -> [String] {
        let rows = state.rows
        let first = max(0, min(state.offset, rows.count - room))
        let shown = rows.dropFirst(first).prefix(room)
        let lines = TextTable(columns: state.pane.columns, rows: shown.map(\.cells)).lines(width: width)
        let title = lines[0] + String(repeating: " ", count: max(0, width - lines[0].count))
        var styled = [style.inverse(title)]
        styled += zip(shown, lines.dropFirst()).map { $0.isTrouble ? style.red($1) : $1 }
        if rows.isEmpty, state.latest != nil {
            styled.append(state.filter.isEmpty ? "no \(state.pane.title)" : "no line contains the filter's text")
        }
        return styled
    }

    private var lastLine: String {
        if state.isTypingFilter {
            return cut("Type a text to show only lines that contain it. Enter keeps it, Esc shows all")
        }
        if let failure = state.failure { return style.red(cut(failure)) }
        if state.latest == nil { return cut("asking …") }
        let keys = "q quit  1 2 3 panes  s sort  r reverse  / filter  p pause  ? help"
        let rows = state.rows.count
        let room = height - Self.fixedLines
        guard rows > room else { return cut(keys) }
        let first = max(0, min(state.offset, rows - room))
        let place = "\(first + 1)-\(first + room) of \(rows)"
        let space = width - keys.count - place.count
        return space > 0 ? keys + String(repeating: " ", count: space) + place : cut(place + "  " + keys)
    }

    private func cut(_ text: String) -> String { TextTable.cut(VisibleText.escaped(text), to: width) }

    private static let help = [
        "1, 2, 3, Tab    show routes, servers, connections",
        "s, S            sort by the next column, by the one before",
        "r               reverse the order",
        "/               show only lines with a text; Esc shows all again",
        "arrows, j, k    scroll; Page Up, Page Down, Home, End, g, G",
        "p, space        pause",
        "Ctrl-L          draw the screen again",
        "Ctrl-Z          suspend; fg resumes",
        "q, Ctrl-C       quit",
        "",
        "Any key closes this help.",
    ]
}

extension StatsReading {
    /// Of all routes.
    fileprivate var bytesIn: Double { routes.reduce(0) { $0 + $1.bytesIn } }
    fileprivate var bytesOut: Double { routes.reduce(0) { $0 + $1.bytesOut } }
}
