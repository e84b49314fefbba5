import GatewayConfig

/// The line of a configuration file that an issue is about, and a caret under the place.
///
/// Values of keys that are named like secrets are masked: what `check` prints ends up in the logs of others.
public struct SourceExcerpt: Sendable {
    /// In characters, of the line alone: what is left of a longer one stands around the place.
    private static let limit = 100

    private let lines: [String.UnicodeScalarView.SubSequence]

    /// - Parameter source: the text of the whole file.
    public init(source: String) {
        // Lines end as those of YAML 1.1 do, by which issues count.
        var lines: [String.UnicodeScalarView.SubSequence] = []
        let scalars = source.unicodeScalars
        var start = scalars.startIndex
        for index in scalars.indices {
            let next = scalars.index(after: index)
            switch scalars[index] {
            case "\n", "\u{85}", "\u{2028}", "\u{2029}": break
            case "\r" where next == scalars.endIndex || scalars[next] != "\n": break
            default: continue
            }
            lines.append(scalars[start..<index])
            start = next
        }
        lines.append(scalars[start...])
        self.lines = lines
    }

    /// Two lines: the source, and the caret; nil: the file has no such place.
    ///
    /// - Parameters:
    ///   - line: from 1.
    ///   - column: from 1, in Unicode scalars.
    public func text(line: Int, column: Int, style: TextStyle = .plain) -> String? {
        guard lines.indices.contains(line - 1), column >= 1 else { return nil }
        var scalars = SecretMask.masked(Array(lines[line - 1]))
        if scalars.last == "\r" { scalars.removeLast() }
        guard column <= scalars.count + 1, !scalars.allSatisfy({ $0 == " " || $0 == "\t" }) else { return nil }
        var start = 0
        if scalars.count > Self.limit { start = max(0, min(column - 1 - Self.limit / 2, scalars.count - Self.limit)) }
        let end = min(scalars.count, start + Self.limit)
        let before = (start > 0 ? "…" : "") + Self.shown(scalars[start..<(column - 1)])
        let after = Self.shown(scalars[(column - 1)..<end]) + (end < scalars.count ? "…" : "")
        let number = String(line)
        let margin = String(repeating: " ", count: number.count)
        // A tab is shown as one space, in both lines.
        let indent = String(repeating: " ", count: before.count)
        return
            " \(style.faint("\(number) |")) \(before)\(after)\n \(style.faint("\(margin) |")) \(indent)\(style.green("^"))"
    }

    private static func shown(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars.map { $0 == "\t" ? " " : $0 })
        return VisibleText.escaped(String(text))
    }
}
