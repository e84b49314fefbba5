import GatewayConfig

/// Rows of text in columns.
public struct TextTable: Equatable, Sendable {
    /// One column.
    public struct Column: Equatable, Sendable {
        public var title: String
        /// Whether its cells are figures, which stand on the right.
        public var isFigure: Bool
        /// The fewest characters it may be cut to where there is too little room; nil: it is never cut.
        public var narrowest: Int?

        public init(_ title: String, isFigure: Bool = false, narrowest: Int? = nil) {
            self.title = title
            self.isFigure = isFigure
            self.narrowest = narrowest
        }
    }

    public var columns: [Column]
    /// Each with a cell for each column.
    public var rows: [[String]]

    public init(columns: [Column], rows: [[String]]) {
        self.columns = columns
        self.rows = rows
    }

    /// The title, then the rows, without spaces at their ends.
    ///
    /// - Parameter width: in characters; nil: as wide as it takes. Columns that may be cut give way, the widest first,
    ///   and what is still too wide is cut at the right.
    public func lines(width: Int? = nil) -> [String] {
        let table = ([columns.map(\.title)] + rows).map { row in row.map { VisibleText.escaped($0) } }
        var widths = columns.indices.map { column in
            table.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        if let width { narrow(&widths, to: width) }
        return table.map { row in
            let cells = zip(zip(row, widths), columns).map { cell, column in
                let text = Self.cut(cell.0, to: cell.1)
                let space = String(repeating: " ", count: max(0, cell.1 - text.count))
                return column.isFigure ? space + text : text + space
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return width.map { Self.cut(line, to: $0) } ?? line
        }
    }

    private func narrow(_ widths: inout [Int], to width: Int) {
        var excess = widths.reduce(0, +) + 2 * max(0, widths.count - 1) - width
        while excess > 0 {
            let candidates = columns.indices.filter { widths[$0] > (columns[$0].narrowest ?? .max) }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return }
            widths[widest] -= 1
            excess -= 1
        }
    }

    /// `text`, or its beginning with `…` in `width` characters.
    public static func cut(_ text: String, to width: Int) -> String {
        guard text.count > width else { return text }
        return width < 1 ? "" : text.prefix(width - 1) + "…"
    }
}
