public import GatewayConfig

/// Issues as a compiler shows them: `FILE:LINE:COLUMN: error: MESSAGE`, and below it the source with a caret.
public struct IssueText: Sendable {
    private let style: TextStyle

    public init(style: TextStyle) {
        self.style = style
    }

    /// - Parameter source: the text of the file that the issues are about; nil: it can't be read, and no source is shown.
    public func text(of issues: [ConfigurationIssue], source: String?) -> String {
        let excerpt = source.map(SourceExcerpt.init)
        return issues.map { issue in
            let line = coloured(issue)
            guard let source = excerpt?.text(line: issue.line, column: issue.column, style: style) else { return line }
            return line + "\n" + source
        }.joined(separator: "\n")
    }

    /// Issues that a gateway on this machine found in its file.
    ///
    /// - Parameters:
    ///   - lines: one a line, as ``ConfigurationIssue`` describes itself; other lines stay as they are.
    ///   - file: as the lines name it.
    ///   - source: as above.
    public func text(ofLines lines: String, file: String, source: String?) -> String {
        let place = VisibleText.escaped(file) + ":"
        let excerpt = source.map(SourceExcerpt.init)
        return lines.split(separator: "\n").map { line in
            let line = VisibleText.escaped(line)
            guard let excerpt, line.hasPrefix(place) else { return line }
            let numbers = line.dropFirst(place.count).split(separator: ":", maxSplits: 2)
            guard numbers.count == 3, let row = Int(decimalDigits: numbers[0]),
                let column = Int(decimalDigits: numbers[1]),
                let source = excerpt.text(line: row, column: column, style: style)
            else { return line }
            return line + "\n" + source
        }.joined(separator: "\n")
    }

    private func coloured(_ issue: ConfigurationIssue) -> String {
        let line = issue.description
        guard style.isColoured else { return line }
        let severity = ": \(issue.severity.rawValue): "
        let place = VisibleText.escaped(issue.place)
        guard line.hasPrefix(place + severity) else { return line }
        let word = "\(issue.severity.rawValue):"
        let shown = issue.severity == .error ? style.red(word) : style.yellow(word)
        return style.bold(place + ":") + " \(shown) " + line.dropFirst((place + severity).count)
    }
}
